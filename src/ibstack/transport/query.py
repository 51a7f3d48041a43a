# SPDX-License-Identifier: Apache-2.0
"""A question to a host, and what it showed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack.transport.host_state import UP, Running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be looked at on one host."""

    files: tuple[PurePosixPath, ...] = ()
    """Paths; the last part may have a `*`."""
    services: tuple[str, ...] = ()
    running: bool = False
    """Whether to tell what it was started with."""
    linked: bool = False
    """Whether files are looked at that lie in linked folders: they cannot be written."""


@dataclass(frozen=True, slots=True)
class ObservedFiles:
    """The files of a host as they were when it was looked at.  Implements FilesRead."""

    contents: Mapping[PurePosixPath, bytes | None] = field(default_factory=dict)
    """None: there is no such file."""
    failures: Mapping[PurePosixPath, str] = field(default_factory=dict)
    """Why a file could not be read: whole messages."""

    def read(self, path: PurePosixPath) -> bytes | None:
        if path in self.failures:
            raise IbstackError(self.failures[path])
        return self.contents[path]

    def matching(self, pattern: PurePosixPath) -> tuple[PurePosixPath, ...]:
        there = (path for path, content in self.contents.items() if content is not None)
        return tuple(path for path in (*there, *self.failures) if path.match(str(pattern)))


@dataclass(frozen=True, slots=True)
class Observation:
    """What a host showed; of one that is not UP nothing but that."""

    state: str | None
    """UP, DOWN …; None: not known."""
    why: str = ""
    """Why it cannot be brought anything, with the remedy; empty: as its state says."""
    flags: tuple[str, ...] = ()
    """The same in a word or two, as `host-key-changed`."""
    files: ObservedFiles = field(default_factory=ObservedFiles)
    services: Mapping[str, str] = field(default_factory=dict)
    """UP, DOWN or FAILING."""
    services_unknown: str = ""
    """Why nothing is known of the services; empty: it is."""
    running: Running = field(default_factory=lambda: Running(None, None))

    @property
    def up(self) -> bool:
        return self.state == UP
