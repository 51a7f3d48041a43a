# SPDX-License-Identifier: Apache-2.0
"""Reading and writing attributes of sysfs, below a root that a test can choose."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.fabric.partition import TableEntry

_PAGE = 4096  # An attribute is at most a page: kernel Documentation/filesystems/sysfs.rst.


@dataclass(eq=False)
class SysfsFailed(IbstackError):
    """The kernel did not take or give a value."""

    doing: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"cannot {self.doing} {self.path}: {self.what}"


class NotThereYet(TryLater):
    """An attribute had no text: in a fake tree a write is on its way."""


class Sysfs:
    """One tree.  Paths are relative to its root, as in class/net/ib0/device."""

    def __init__(self, root: str | os.PathLike[str] = "/sys") -> None:
        self.root = os.fspath(root)

    def read(self, *parts: str) -> str:
        """Return an attribute's text, its first line; SysfsFailed where that is not possible."""
        path = self._path(parts)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.read(descriptor, _PAGE)
            finally:
                os.close(descriptor)
            return data.partition(b"\n")[0].decode("ascii").strip()
        except OSError as error:
            raise SysfsFailed("read", path, error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise SysfsFailed("read", path, "it holds bytes that are not ASCII") from error

    def read_number(self, *parts: str, base: int = 0) -> int:
        """Return an attribute that is a number; *base* as for int()."""
        text = self.read(*parts)
        if not text:
            raise NotThereYet(f"cannot read {self._path(parts)}: it is empty; try again")
        try:
            return int(text, base)
        except ValueError as error:
            raise SysfsFailed("read", self._path(parts), f"{text!r} is no number") from error

    def text(self, *parts: str) -> str:
        """Return an attribute's text; empty where it cannot be read."""
        try:
            return self.read(*parts)
        except SysfsFailed:
            return ""

    def number(self, *parts: str, base: int = 0) -> int | None:
        """Return an attribute that is a number; None where it is none, or cannot be read."""
        try:
            return int(self.text(*parts), base)
        except ValueError:
            return None

    def pkey_table(self, *port: str) -> frozenset[TableEntry]:
        """Return what the P_Key table of *port* holds: class/infiniband/DEVICE/ports/NUMBER.

        Empty where it cannot be read.
        """
        try:
            names = self.names(*port, "pkeys")
        except SysfsFailed:
            return frozenset()
        numbers = (self.number(*port, "pkeys", name) for name in names)
        entries = (TableEntry.from_wire(number) for number in numbers if number is not None)
        return frozenset(entry for entry in entries if entry is not None)

    def write(self, text: str, *parts: str) -> None:
        """Write *text* in one write(2): the kernel takes each write as a whole value.

        In a tree of plain files, too, a reader sees the old line or the new one, whatever happens
        to this process: the file is cut only after its new first line is in place.
        """
        path = self._path(parts)
        data = text.encode("ascii") + b"\n"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                written = os.write(descriptor, data)
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, len(data))  # sysfs ignores sizes.
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SysfsFailed(f"write {text} to", path, error.strerror or str(error)) from error
        if written != len(data):
            raise SysfsFailed(f"write {text} to", path, f"it took {written} of {len(data)} bytes")

    def exists(self, *parts: str) -> bool:
        return os.path.exists(self._path(parts))

    def names(self, *parts: str) -> list[str]:
        """Return the names in a folder, sorted; empty where there is no such folder."""
        try:
            return sorted(os.listdir(self._path(parts)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SysfsFailed("list", self._path(parts), error.strerror or str(error)) from error

    def target(self, *parts: str) -> str | None:
        """Return the last name of what a symbolic link points to; None where there is none."""
        try:
            return os.path.basename(os.readlink(self._path(parts)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SysfsFailed("follow", self._path(parts), error.strerror or str(error)) from error

    def resolved(self, *parts: str) -> str | None:
        """Return the last name of the folder that a link leads to in the end; None for no link."""
        path = self._path(parts)
        return os.path.basename(os.path.realpath(path)) if os.path.exists(path) else None

    def _path(self, parts: tuple[str, ...]) -> str:
        return os.path.join(self.root, *parts)
