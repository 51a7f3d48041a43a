# SPDX-License-Identifier: Apache-2.0
"""The domains of one host, each a file that is replaced in one step.

`hosts/<host>/domains/<uuid>.json`.  Whoever is killed leaves each domain as it was before or after
a call, never half of one.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from .constants import VIR_DOMAIN_SHUTOFF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_ID: Final = -1


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """A domain as it is between two calls."""

    uuid: str
    config: str
    """What it is started as, as XML."""
    live: str | None = None
    """What it runs as; None: it does not run."""
    saved: str | None = None
    """What it ran as when it was saved: it goes on as that, whatever its configuration says."""
    state: int = VIR_DOMAIN_SHUTOFF
    number: int = _NO_ID
    """libvirt's id: of a domain that runs, another one each time."""


class DomainFiles:
    """The domains that one host has."""

    def __init__(self, host_folder: Path) -> None:
        """*host_folder*: hosts/<host> of the lab."""
        self._folder = host_folder / "domains"
        self._folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[DomainRecord]:
        found = (self.read(path.stem) for path in sorted(self._folder.glob("*.json")))
        return [record for record in found if record is not None]

    def read(self, uuid: str) -> DomainRecord | None:
        """Return domain *uuid*; None where it is not defined."""
        try:
            return DomainRecord(**json.loads(self._file(uuid).read_text()))
        except FileNotFoundError:
            return None

    def write(self, record: DomainRecord) -> None:
        file = self._file(record.uuid)
        # Each writer its own: nova-compute has many threads, and another host's migrates to here.
        fresh = file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        fresh.write_text(json.dumps(asdict(record), indent=1) + "\n")
        fresh.replace(file)

    def remove(self, uuid: str) -> None:
        self._file(uuid).unlink(missing_ok=True)

    def next_number(self) -> int:
        """Return an id that no domain of this host has had; under alone()."""
        counter = self._folder / "last-id"
        number = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.write_text(str(number))
        return number

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold off every other change of this host's domains."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _file(self, uuid: str) -> Path:
        return self._folder / f"{uuid}.json"
