# SPDX-License-Identifier: Apache-2.0
"""What a host is told to do with its files and services, and what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath


ServiceAction = Literal["start", "stop", "restart", "reload", "reset"]


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One file: what stands there, and what is to."""

    path: PurePosixPath
    before: bytes | None
    """What was seen there.  Where something else stands, nothing of the order is done."""
    after: bytes | None
    """None: no file."""
    mode: int = 0o644
    """Of a file that is not there yet; one that is there keeps its mode and owner."""
    group: str = ""
    """The same; where the host has no such group, the file is its owner's alone.  Empty: none."""
    keep: bool = False
    """Whether what stands there is kept aside first."""
    secret: bool = False
    """Whether *after* holds a secret: a file that is there then loses what a new one would not
    have of *mode*, and is given to *group* where all users could read it."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """One service."""

    name: str
    action: ServiceAction | None
    """None: it goes on as it does."""
    at_boot: bool | None = None
    """Whether it starts with the host from now on; None: as it was."""


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """All that one host is told at once: files first, then services, each in this sequence."""

    files: tuple[FileRequest, ...] = ()
    services: tuple[ServiceRequest, ...] = ()
    revision: int = 0
    """Of the commit whose files these are: a host that has had a newer one refuses.  0: of none."""

    def __bool__(self) -> bool:
        return bool(self.files or self.services)


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of a file."""

    kept: str = ""
    """Where the former file was put; empty: nowhere."""
    failed: str = ""
    """Why it could not be done: a whole message; empty: it was."""
    narrowed: str = ""
    """How the mode of a file that was there was narrowed; empty: it was not."""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What a host did of its order."""

    files: Mapping[PurePosixPath, FileResult] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    """Why it failed, for each service of the order; empty where it was done."""
    stale: bool = False
    """Something else stands in a file than was seen: nothing was done, look again."""
    overtaken: int = 0
    """The newer commit that the host has had already: nothing was done.  0: there was none."""
    failed: str = ""
    """Why the order was not carried out, or may not have been."""
