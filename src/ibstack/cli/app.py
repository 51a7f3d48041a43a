# SPDX-License-Identifier: Apache-2.0
"""`ibstack <noun> <verb>`: what the nouns and verbs are, and what a person sees when one fails."""

from __future__ import annotations

import signal
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "cluster apply": "ibstack.cli.cluster:ClusterApply",
    "cluster bring": "ibstack.cli.cluster_hosts:ClusterBring",
    "cluster drift": "ibstack.cli.cluster_hosts:ClusterDrift",
    "cluster export": "ibstack.cli.cluster:ClusterExport",
    "cluster files": "ibstack.cli.cluster_hosts:ClusterFiles",
    "cluster history": "ibstack.cli.cluster:ClusterHistory",
    "cluster lint": "ibstack.cli.cluster_hosts:ClusterLint",
    "cluster plan": "ibstack.cli.cluster:ClusterPlan",
    "cluster schema": "ibstack.cli.cluster:ClusterSchema",
    "cluster undo": "ibstack.cli.cluster:ClusterUndo",
    "dhcp watch": "ibstack.cli.dhcp:DhcpWatchCommand",
    "guest config": "ibstack.cli.guest:GuestConfig",
    "host facts": "ibstack.cli.host_facts:HostFacts",
    "host show": "ibstack.cli.host:HostShow",
    "lab boot": "ibstack_lab.commands:LabBoot",
    "lab console": "ibstack_lab.commands:LabConsole",
    "lab delete": "ibstack_lab.commands:LabDelete",
    "lab demo": "ibstack_lab.commands:LabDemo",
    "lab down": "ibstack_lab.commands:LabDown",
    "lab env": "ibstack_lab.commands:LabEnv",
    "lab exec": "ibstack_lab.commands:LabExec",
    "lab mpi": "ibstack_lab.commands:LabMpi",
    "lab shell": "ibstack_lab.commands:LabShell",
    "lab ssh": "ibstack_lab.commands:LabSsh",
    "lab status": "ibstack_lab.commands:LabStatus",
    "lab up": "ibstack_lab.commands:LabUp",
    "network defaults": "ibstack.cli.networks:NetworkDefaults",
    "partition accept-host": "ibstack.cli.partition_orders:PartitionAcceptHost",
    "partition allow-removals": "ibstack.cli.partition_orders:PartitionAllowRemovals",
    "partition audit": "ibstack.cli.partitions:PartitionAudit",
    "partition list": "ibstack.cli.partitions:PartitionList",
    "partition plan": "ibstack.cli.partitions:PartitionPlan",
    "partition repair": "ibstack.cli.partition_orders:PartitionRepair",
    "partition restore": "ibstack.cli.partition_orders:PartitionRestore",
    "partition show": "ibstack.cli.partitions:PartitionShow",
    "partition take-over": "ibstack.cli.partition_orders:PartitionTakeOver",
    "port explain": "ibstack.cli.port:PortExplain",
    "shell": "ibstack.cli.cluster:ClusterShell",
    "upgrade-check": "ibstack.cli.upgrade:UpgradeCheck",
    "verify": "ibstack.cli.verify:VerifyAll",
    "verify cloud": "ibstack.cli.verify:VerifyCloud",
    "verify fabric": "ibstack.cli.verify:VerifyFabric",
    "verify host": "ibstack.cli.verify:VerifyHost",
}
"""What a command is called, and the class that does it: imported when it is asked for."""

_PACKAGES: Final = {
    "cluster": "ibstack[cluster]",
    "dhcp": "ibstack[cli]",
    "guest": "ibstack[guest]",
    "host": "ibstack[host]",
    "lab": "ibstack-lab",
    "network": "ibstack[host]",
    "partition": "ibstack[sm]",
    "port": "ibstack[sm,guest]",
    "shell": "ibstack[cluster]",
    "upgrade-check": "ibstack[controller]",
    "verify": "ibstack[cli]",
}
"""What each noun needs, as pip takes it."""

_INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    0 done, 1 failed, 2 bad input, 3 something differs, 4 it could not be known.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Meant for those who work on the libraries below us.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        return _run(arguments or ["help"])
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # Whoever read our answer has gone, as with `| head`.
        return 1
    except ModuleNotFoundError as error:
        if "--debug" in arguments:
            raise
        return _say_what_to_install(arguments, error)


def _run(arguments: list[str]) -> int:
    if arguments[0] == "shell":  # Scripts call it often, and cliff takes long to import.
        from ibstack.cli import cluster_shell

        return cluster_shell.main(arguments[1:])
    from ibstack.cli.shell import Shell

    return int(Shell(_manager()).run(arguments))


def _manager() -> Any:
    from importlib.metadata import EntryPoint  # With what reads mail: too long for a shell.

    from ibstack.cli.summaries import LazyCommands

    manager = LazyCommands("ibstack.cli")
    for name, target in COMMANDS.items():
        manager.commands[name] = EntryPoint(name, target, "ibstack.cli")
    return manager


def _say_what_to_install(arguments: Sequence[str], error: ModuleNotFoundError) -> int:
    noun = next((word for word in arguments if word in _PACKAGES), None)
    package = "ibstack[cli]" if noun is None or error.name == "cliff" else _PACKAGES[noun]
    if (error.name or "").startswith("ibstack_lab"):  # `verify --lab` too.
        package = _PACKAGES["lab"]
    print(
        f"ibstack: cannot run this command: Python module {error.name!r} is not installed;"
        f" install {package}",
        file=sys.stderr,
    )
    return 1


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
