# SPDX-License-Identifier: Apache-2.0
"""`ibstack <noun> <verb>`: what the nouns and verbs are, and what a person sees when one fails."""

from __future__ import annotations

import signal
import sys
import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "host show": "ibstack.cli.host:HostShow",
    "lab boot": "ibstack.cli.lab:LabBoot",
    "lab delete": "ibstack.cli.lab:LabDelete",
    "lab demo": "ibstack.cli.lab:LabDemo",
    "lab down": "ibstack.cli.lab:LabDown",
    "lab env": "ibstack.cli.lab:LabEnv",
    "lab exec": "ibstack.cli.lab:LabExec",
    "lab status": "ibstack.cli.lab:LabStatus",
    "lab up": "ibstack.cli.lab:LabUp",
    "partition audit": "ibstack.cli.partition:PartitionAudit",
    "partition list": "ibstack.cli.partition:PartitionList",
    "partition plan": "ibstack.cli.partition:PartitionPlan",
    "partition show": "ibstack.cli.partition:PartitionShow",
}
"""What a command is called, and the class that does it: imported when it is asked for."""

_EXTRAS: Final = {"host": "host", "lab": "lab", "partition": "sm"}
"""Which extra of the package each noun needs."""

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
    from ibstack.cli.shell import Shell

    return int(Shell(_manager()).run(arguments))


def _manager() -> Any:
    from cliff.commandmanager import CommandManager

    manager = CommandManager("ibstack.cli")
    for name, target in COMMANDS.items():
        manager.commands[name] = EntryPoint(name, target, "ibstack.cli")
    return manager


def _say_what_to_install(arguments: Sequence[str], error: ModuleNotFoundError) -> int:
    noun = next((word for word in arguments if word in _EXTRAS), None)
    extra = "cli" if noun is None or error.name == "cliff" else _EXTRAS[noun]
    print(
        f"ibstack: cannot run this command: Python module {error.name!r} is not installed;"
        f" install ibstack[{extra}]",
        file=sys.stderr,
    )
    return 1


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
