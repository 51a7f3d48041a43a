# SPDX-License-Identifier: Apache-2.0
"""Small disks below the lab's daemons, so that one can be filled without harm to the machine."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack_lab.cloud import Cloud

_SIZE: Final = "512k"
_FILLER: Final = ".filler"


@contextmanager
def small_disks(cloud: Cloud) -> Iterator[None]:
    """Give the state of every host's daemons a disk; nothing of ours runs at the change."""
    hosts = [host.name for host in cloud.topology.hosts]
    folders = [cloud.lab.host(name) / "state" for name in hosts]
    managers = [host.name for host in cloud.topology.subnet_manager_hosts]
    for folder in folders:
        _mount(folder)
    try:
        for name in managers:
            _move(cloud.fabric.partitions_conf(name), cloud.lab.host(name) / "state")
        yield
    finally:
        for name in managers:
            _move_back(cloud.fabric.partitions_conf(name))
        for folder in folders:
            _unmount(folder)


def fill(folder: Path) -> None:
    """Fill the disk of *folder* to the last byte."""
    filler = folder / _FILLER
    with filler.open("wb", buffering=0) as out:
        for size in (65536, 4096, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def free(folder: Path) -> None:
    """Have room on the disk of *folder* again."""
    (folder / _FILLER).unlink(missing_ok=True)


def _mount(folder: Path) -> None:
    aside = folder.with_name("state.aside")
    folder.rename(aside)
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0755", "tmpfs", str(folder)], check=True
    )
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    shutil.rmtree(aside)


def _unmount(folder: Path) -> None:
    free(folder)
    aside = folder.with_name("state.aside")
    shutil.copytree(folder, aside)
    # Whoever still has a file of it open does so for a moment: ending processes are waited for.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()
    aside.rename(folder)


def _move(path: Path, folder: Path) -> None:
    """Put the partitions file on the disk, and a link in its place: a reader finds one or both."""
    there = folder / path.name
    shutil.copy2(path, there)
    link = path.with_name(".link")
    os.symlink(there, link)
    link.rename(path)


def _move_back(path: Path) -> None:
    if path.is_symlink():
        copy = path.with_name(".copy")
        shutil.copy2(path, copy)
        copy.rename(path)
