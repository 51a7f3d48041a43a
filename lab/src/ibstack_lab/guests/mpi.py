# SPDX-License-Identifier: Apache-2.0
"""An MPI job over two guests: Debian's Open MPI, on nothing but their `ib0`.

On a real cluster mpirun starts a daemon on every other machine by ssh, and that one calls back.
Here a script stands for ssh: it enters the guest with that address.  All else is as it is: the
daemons, and then the ranks, find each other by TCP on ib0 or not at all.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput, TryLater
from ibstack_lab.guests.guest import Guest
from ibstack_lab.topology import INTERFACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.machine import Machine

WITHIN_S: Final = 60.0
"""Much more than it takes: a second, or four where there is no way."""
_KILLED_AFTER_S: Final = 5
_FIRST_LINES: Final = 6
_AS_MACHINE: Final = 'hostname "$0" && exec "$@"'
_AS_REMOTE: Final = 'hostname "$0" && eval "$1"'
"""Open MPI takes two nodes of one name for one."""
_AGENT: Final = """\
#!/bin/sh
# Called by mpirun where it would call ssh: ADDRESS COMMAND…
wanted=$1
shift
case $wanted in
{machines}
esac
echo "no machine of this job has the address $wanted" >&2
exit 255
"""
_MACHINE: Final = """\
{address}) exec env -u LD_PRELOAD nsenter --mount=/proc/{outside}/ns/mnt {entered} "$*" ;;
"""
"""*outside*: a process that is in no guest, whose files the way to another one begins at."""


@dataclass(frozen=True, slots=True)
class Rank:
    """What one process of the job said of itself, and whom it heard."""

    number: int
    machine: str
    """MPI's name of the processor."""
    address: str
    """Of ib0 where it ran."""
    namespace: int
    """The inode of its network namespace: two guests never share one."""
    heard: str
    """The address of the rank from which its message came."""


def hello(
    lab: LabFolder, machines: tuple[Machine, Machine], *, within_s: float = WITHIN_S
) -> tuple[Rank, ...]:
    """Run mpi_hello.py with one rank in each of two machines; return what the ranks said.

    TryLater, with mpirun's first words, where they do not find each other.
    """
    if machines[0] == machines[1]:
        raise BadInput(f"cannot run an MPI job on {machines[0].name} alone: name two machines")
    # There what a killed job leaves goes away with the lab.
    scratch = Path(tempfile.mkdtemp(prefix="mpi-", dir=lab.pid_files))
    first = machines[0]
    try:
        limit = ("timeout", f"--kill-after={_KILLED_AFTER_S}", str(within_s))
        argv = _mpirun(scratch, _prepare(scratch, lab, machines))
        done = Guest(lab, first).run(
            ("unshare", "--uts", "sh", "-c", _AS_MACHINE, first.name, *limit, *argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.returncode:
        names = " and ".join(machine.name for machine in machines)
        # What the daemons say comes on stdout and names the cause; mpirun lists what it might be.
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip(" -")]
        raise TryLater(
            f"cannot run an MPI job on {names}: mpirun ended with {done.returncode}; it said:\n"
            + "\n".join(f"    {line.strip()}" for line in said[:_FIRST_LINES])
        )
    ranks = [_rank(json.loads(line)) for line in done.stdout.splitlines()]
    return tuple(sorted(ranks, key=lambda rank: rank.number))


def _prepare(scratch: Path, lab: LabFolder, machines: Sequence[Machine]) -> list[str]:
    """Write what stands for ssh; return the machines' addresses."""
    guests = {machine.name: Guest(lab, machine) for machine in machines}
    addresses = {name: guest.wait_for_address() for name, guest in guests.items()}
    entered = {
        name: shlex.join(guest.inside(("unshare", "--uts", "sh", "-c", _AS_REMOTE, name)))
        for name, guest in guests.items()
    }
    each = (
        _MACHINE.format(address=addresses[name], outside=os.getpid(), entered=entered[name])
        for name in guests
    )
    agent = scratch / "agent"
    agent.write_text(_AGENT.format(machines="".join(each)))
    agent.chmod(0o755)
    return list(addresses.values())


def _mpirun(scratch: Path, addresses: Sequence[str]) -> tuple[str, ...]:
    settings = {
        "plm": "rsh",
        "plm_rsh_agent": str(scratch / "agent"),
        # As children of mpirun they end with it, also where the fabric keeps them apart.
        "orte_leave_session_attached": "1",
        "orte_tmpdir_base": str(scratch),
        "orte_keep_fqdn_hostnames": "1",
        # Nothing but TCP on ib0: neither shared memory nor what looks for other hardware.
        "oob_tcp_if_include": INTERFACE,
        "pml": "ob1",
        "btl": "tcp,self",
        "btl_tcp_if_include": INTERFACE,
    }
    return (
        *("mpirun", "--allow-run-as-root", "--host", ",".join(addresses)),
        *("-n", str(len(addresses)), "--map-by", "node", "--bind-to", "none"),
        *(word for name, value in settings.items() for word in ("--mca", name, value)),
        *(sys.executable, "-m", "ibstack_lab.guests.mpi_hello", INTERFACE),
    )


def _rank(told: dict[str, Any]) -> Rank:
    return Rank(
        number=told["rank"],
        machine=told["processor"],
        address=told["address"],
        namespace=told["namespace"],
        heard=told["heard"]["address"],
    )
