# SPDX-License-Identifier: Apache-2.0
"""What the programs of a guest see of its ib0, beside what the kernel has of the tap.

Each program of a guest is started with mounts of its own: a folder of the guest's as /run, and over
the tap's folder in /sys the fields of IPoIB (Documentation/infiniband/ipoib.rst of Linux).  What
rtnetlink says is completed by as_ipoib.c, which reads those fields.
"""

from __future__ import annotations

import os
import shutil
import stat
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.fabric.partition import FULL_MEMBER_BIT, PartitionKey
from ibstack_lab.guests.namespaces import inside
from ibstack_lab.process import output_of
from ibstack_lab.topology import INTERFACE

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.ipoib import IpoibAddress
    from ibstack_lab.folder import LabFolder

_FIELDS: Final = INTERFACE
"""The folder of the fields, in the guest's /run."""
_LIBRARY: Final = "as_ipoib.so"
_SOURCE: Final = "as_ipoib.c"
_WRITTEN_BY_GUESTS: Final = ("mode", "create_child", "delete_child")
_OF_A_TAP: Final = ("tun_flags", "owner", "group")
"""NetworkManager takes an interface with tun_flags for a tap (libnm-core, 1.42)."""
_NO_KEY: Final = PartitionKey(0x7FFF)
"""What IPoIB shows before it has read its port's table."""
_WITHIN_S: Final = 60

# `ip netns exec` has given it mounts of its own.  A /sys that can be written means udev to networkd
# and NetworkManager, and they would wait for udev for ever (systemd 252, udev_available() in
# src/shared/udev-util.c).
_ENTER: Final = f"""\
set -e
run=$1
shift
mount --bind "$run" /run
there=/sys/devices/virtual/net/{INTERFACE}
if [ -d $there ]; then
  mount -t overlay -o ro,lowerdir=/run/{_FIELDS}:$there guest $there
  for field in {" ".join(_WRITTEN_BY_GUESTS)}; do
    mount --bind /run/{_FIELDS}/$field $there/$field
  done
fi
mount -o remount,ro,bind /sys
export LD_PRELOAD=/run/{_LIBRARY}
exec "$@"
"""


def run_folder(lab: LabFolder, short: str) -> Path:
    """Return what is /run in the guest; *short*: how its port's id begins."""
    return lab.machine(short) / "run"


def library(lab: LabFolder) -> Path:
    """Return what is preloaded into the programs of guests; build_library() has made it."""
    return lab.machines / _LIBRARY


def build_library(lab: LabFolder) -> None:
    """Compile what is preloaded into the programs of guests; BadInput where nothing can."""
    if shutil.which("gcc") is None:
        raise BadInput("cannot make guests: there is no gcc; say: apt-get install gcc libc6-dev")
    built = library(lab)
    built.parent.mkdir(parents=True, exist_ok=True)
    with as_file(files(__package__) / _SOURCE) as source:
        argv = ("gcc", "-shared", "-fPIC", "-O2", "-o", str(built), str(source))
        output_of(argv, f"make {_LIBRARY}", timeout_s=_WITHIN_S)


def prepare(run: Path, address: IpoibAddress, preloaded: Path) -> None:
    """Make the folder that is /run in a guest whose ib0 has that *address*."""
    fields = run / _FIELDS
    fields.mkdir(parents=True, exist_ok=True)
    (run / _LIBRARY).unlink(missing_ok=True)
    shutil.copy(preloaded, run / _LIBRARY)
    for name, text in {
        "address": str(address),
        "addr_len": "20",
        "mode": "datagram",
        "umcast": "0",
        "create_child": "",
        "delete_child": "",
    }.items():
        (fields / name).write_text(f"{text}\n" if text else "")
    show_key(run, _NO_KEY)
    for name in _OF_A_TAP:
        hidden = fields / name
        if not hidden.exists():
            # overlayfs: a name that is not there, whatever is below.
            os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0))


def show_key(run: Path, key: PartitionKey) -> None:
    """Let the guest see *key* as that of its ib0, and the broadcast address that goes with it."""
    _write(run / _FIELDS / "pkey", f"0x{key.base | FULL_MEMBER_BIT:04x}")
    _write(run / _FIELDS / "broadcast", broadcast_address(key))


def _write(path: Path, text: str) -> None:
    # In place: an overlay that is mounted knows the file that it has found.  It is never emptied,
    # since it may be read just now: all texts for one file are of one length.
    with path.open("r+" if path.exists() else "w") as file:
        file.write(f"{text}\n")


def broadcast_address(key: PartitionKey) -> str:
    """Return the link's broadcast address, 20 bytes with colons.

    No queue pair's but everybody's, and the GID of the partition's IPv4 broadcast group in the
    local scope (RFC 4391 section 4).
    """
    gid = "ff12401b" + f"{key.base | FULL_MEMBER_BIT:04x}" + "0000" * 3 + "ffffffff"
    return bytes.fromhex("00ffffff" + gid).hex(":")


def entered(namespace: str, run: Path) -> tuple[str, ...]:
    """Return the beginning of a command in the guest; program and arguments follow."""
    return inside(namespace, ("sh", "-c", _ENTER, "sh", str(run)))
