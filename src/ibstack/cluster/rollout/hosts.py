# SPDX-License-Identifier: Apache-2.0
"""What a rollout asks of a cluster's hosts: the seam to the ways in which they are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ibstack.transport.transport import HostTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.write import FileEvent


@dataclass(frozen=True, slots=True)
class Installation:
    """All that a host is installed and started from."""

    host: str
    mode: str
    """FULL, AUTO, NOSYNC, SKIP or MAIN; empty: it is started, and not installed."""
    new_mode: str = "FULL"
    """The same of a host that was never installed."""
    image: str = ""
    tree: Path | None = None
    """Where the image lies."""
    confirmed: bool = True
    """Whether its disks may be made anew."""
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What an installation leaves out, as rsync says it; by FULL and AUTO."""
    files: Mapping[PurePosixPath, GeneratedFile] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    initialize: Sequence[tuple[str, str]] = ()
    """(source, text) of scripts that run before, in sequence."""
    finalize: Sequence[tuple[str, str]] = ()
    """The same of those that run when the files are in place."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the scripts are told."""
    kernel_command_line: str = ""
    autostart: tuple[str, ...] = ()
    """The services that it starts."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of a start: the state it brings the host to, or what was done with a file."""

    text: str
    severity: str = "notice"
    file: FileEvent | None = None


class Hosts(HostTransport, Protocol):
    """A cluster's hosts: they are also started, installed and switched off."""

    @property
    def installs(self) -> bool:
        """Whether a start installs the host's image, and its power can be switched."""
        ...

    def start(self, installations: Sequence[Installation]) -> Iterator[tuple[str, Progress]]:
        """Start the hosts, or start them again, installed as it says; yield (host, step)."""
        ...

    def switch_off(self, names: Iterable[str]) -> None:
        """Take the power of hosts; one that has none is well too.  IbstackError: it cannot be."""
        ...
