# SPDX-License-Identifier: Apache-2.0
"""An image comes to a host as its clone is: capabilities, ACLs, holes, links, numeric owners."""

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ibstack.cluster.rollout import image_tree

pytestmark = pytest.mark.real

CAPABILITY = "security.capability"
NET_RAW = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
"""`cap_net_raw+ep`, as setcap writes it: include/uapi/linux/capability.h, revision 2, effective."""
ACL = "system.posix_acl_access"
HOLE_BYTES = 64 << 20

Arrival = Callable[[Path, Path], None]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a small image with what is easily lost."""
    tree = tmp_path / "image"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "var/log").mkdir(parents=True)
    ping = tree / "usr/bin/ping"
    ping.write_bytes(b"\x7fELF")
    os.chown(ping, 4321, 8765)
    os.chmod(ping, 0o755)
    os.setxattr(ping, CAPABILITY, NET_RAW)
    os.link(ping, tree / "usr/bin/ping4")
    lastlog = tree / "var/log/lastlog"
    with lastlog.open("wb") as file:
        file.truncate(HOLE_BYTES)
        file.seek(HOLE_BYTES // 2)
        file.write(b"root")
    # Of acl_ea_entry: owner rw-, user 4321 r--, group ---, mask r--, others ---.
    entries = ((1, 6, -1), (2, 4, 4321), (4, 0, -1), (0x10, 4, -1), (0x20, 0, -1))
    packed = b"".join(struct.pack("<HHi", *each) for each in entries)
    os.setxattr(lastlog, ACL, struct.pack("<I", 2) + packed)
    (tree / "bin").symlink_to("usr/bin")
    return tree


def cloned(image: Path, root: Path) -> None:
    with open(os.devnull) as lock:
        image_tree.copy(image, root, "clone it", own_process_group=False, lock=lock.fileno())


def installed(image: Path, root: Path) -> None:
    image_tree.install(image, root, ("/proc/*",))


def updated(image: Path, root: Path) -> None:
    """Bring it to a host that has the same files, with nothing of what is easily lost."""
    shutil.copytree(image, root, symlinks=True)
    for place in (root / "usr/bin/ping", root / "usr/bin/ping4", root / "var/log/lastlog"):
        content = place.read_bytes()
        place.unlink()
        place.write_bytes(content)
        # Of another time than the image's, so that rsync takes it for another file.
        os.utime(place, (0, 0))
    image_tree.update(image, root, ("/proc/*",), ("/var/spool/ibstack/kept",))


@pytest.mark.parametrize("arrive", [cloned, installed, updated])
def test_nothing_of_a_file_is_lost(image: Path, tmp_path: Path, arrive: Arrival) -> None:
    root = tmp_path / "root"

    arrive(image, root)

    ping, lastlog = root / "usr/bin/ping", root / "var/log/lastlog"
    assert os.getxattr(ping, CAPABILITY) == NET_RAW
    assert os.getxattr(lastlog, ACL) == os.getxattr(image / "var/log/lastlog", ACL)
    assert (ping.stat().st_uid, ping.stat().st_gid, ping.stat().st_nlink) == (4321, 8765, 2)
    assert lastlog.read_bytes() == (image / "var/log/lastlog").read_bytes()
    assert lastlog.stat().st_blocks * 512 < HOLE_BYTES // 8
    assert (root / "bin").readlink() == Path("usr/bin")
