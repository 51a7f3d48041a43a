# SPDX-License-Identifier: Apache-2.0
"""What stands at partitions.conf, whose it is, and how it is replaced.

A file that a person wrote or edited is never replaced by itself.  The digest of what is about to be
published is on disk before the file is, so that no crash makes our own file look like an edit.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError, Refused
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey, Partitions
from ibstack.formats.partitions_conf.strict import Fault, PartitionsFileFaults, by_line, parse
from ibstack.subnet_manager.opensm.partitions_conf import (
    PartitionsFile,
    memberships,
    render,
    replaces_nothing,
    understand,
)
from ibstack.subnet_manager.state_file import cannot_read, cannot_write, replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.formats.partitions_conf.statement import Statement

LOG = logging.getLogger(__name__)

_FAULTS_SHOWN: Final = 5


class FileOwner(enum.Enum):
    """Who wrote the file that stands there now."""

    OURS = "ours"
    NONE = "nobody's"
    """There is none, or it says nothing that ours would not say."""
    OTHER = "foreign"
    """It was there before ibstack."""
    EDITED = "edited"
    """It was ours, and a person changed it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The file as it stands."""

    whose: FileOwner
    text: str | None
    """None where there is none, or it is not ASCII."""
    statements: tuple[Statement, ...] = ()
    faults: tuple[Fault, ...] = ()
    published: Partitions = field(default_factory=dict)
    """Who is a member of what, by the file."""

    @property
    def proof(self) -> PartitionKey | None:
        """Return the proof key that the file carries."""
        return next((s.key for s in self.statements if s.key in PROOF_KEYS), None)


@dataclass(eq=False)
class NotOurFile(Refused):
    """The partitions file is somebody else's work; it is left alone."""

    path: Path
    found: Found

    def __str__(self) -> str:
        shown = [str(fault) for fault in self.found.faults[:_FAULTS_SHOWN]]
        if len(self.found.faults) > _FAULTS_SHOWN:
            shown.append(f"and {len(self.found.faults) - _FAULTS_SHOWN} more faults")
        if self.found.whose is FileOwner.OTHER:
            what = "it was there before ibstack"
            remedy = (
                "move the site's own partitions to the file that site_partitions names, then run"
                " `ibstack partition take-over`"
            )
        else:
            what = "it was edited by hand" if not shown else "it was edited by hand and is broken"
            remedy = (
                "run `ibstack partition restore` to put the last good copy back; the site's own"
                " partitions belong in the file that site_partitions names"
            )
        faults = "".join(f"; {fault}" for fault in shown)
        return f"cannot publish to {self.path}: {what}{faults}; {remedy}"


@dataclass(slots=True)
class _State:
    digests: list[str] = field(default_factory=list)
    """Of the files that are ours: while one is being published, the old and the new one."""
    shared: list[str] = field(default_factory=list)
    """GUIDs of published members that are physical ports."""
    taken: str | None = None
    """Digest of a file of someone else's that may be replaced."""


class PartitionsFileStore:
    """The partitions file at *path*, and what we remember of it in the folder *state*."""

    def __init__(self, path: Path, state: Path, full_default: frozenset[Guid]) -> None:
        self._configured = path
        self.folder = state
        self._full_default = full_default
        self._state_file = state / "publication.json"
        self._parsed: tuple[bytes, tuple[Statement, ...], Partitions] | None = None
        self.last_good = state / "partitions.conf.last-good"
        self.replaced = state / "partitions.conf.replaced"
        self.publishes = 0
        """Files put in place since the start."""

    @property
    def path(self) -> Path:
        """Return the file itself, where what is configured is a link to it."""
        return self._configured.resolve()

    def read(self) -> Found:
        """Read the file and say whose it is."""
        state = self._load()
        known = state.digests
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Found(FileOwner.NONE, None)
        except OSError as error:
            fault = Fault(str(self.path), 1, f"cannot be read: {error.strerror}")
            return Found(FileOwner.EDITED if known else FileOwner.OTHER, None, faults=(fault,))
        if _digest(content) == state.taken:
            return Found(FileOwner.NONE, None)
        return self._judge(content, known)

    def fingerprint(self) -> str | None:
        """Return the sha256 of the file as it stands, in hex; None where it cannot be read."""
        try:
            return _digest(self.path.read_bytes())
        except OSError:
            return None

    def shared(self) -> frozenset[str]:
        """Return the GUIDs, as text, of the published members that are physical ports."""
        return frozenset(self._load().shared)

    def publish(self, file: PartitionsFile, shared: Iterable[Guid] = ()) -> str:
        """Put *file* in place in one step and return its text; settle() has to follow.

        Every byte is read back by the strict reader first.  Whoever reads the path at any moment,
        as OpenSM may, sees the old file or the new one, whole.
        """
        text = render(file)
        content = text.encode("ascii")
        statements, _ = self._parse(content)
        if understand(statements, text, str(self.path)) != file:
            raise IbstackError(
                f"cannot publish to {self.path}: what was written does not read back as what was"
                " meant; this is a bug of ibstack: please report it"
            )
        before = self._load()
        fresh = _digest(content)
        stands = self.fingerprint()
        kept = [digest for digest in before.digests if digest == stands != fresh]
        self._store(_State([*kept, fresh], sorted(map(str, shared)), before.taken))
        self.put(self.path, text)
        self.publishes += 1
        return text

    def settle(self, text: str) -> None:
        """Keep *text*, which stands in place now, as the last good copy."""
        state = self._load()
        self.put(self.last_good, text)
        state.digests = [_digest(text.encode("ascii"))]
        self._store(state)

    @property
    def settled(self) -> bool:
        return len(self._load().digests) <= 1

    def restore(self) -> str:
        """Put the last good copy back, keep what it replaces, and return its text."""
        try:
            text = self.last_good.read_text("ascii")
        except FileNotFoundError:
            raise Refused(
                f"cannot restore {self.path}: nothing has been published from here yet"
            ) from None
        except OSError as error:
            raise cannot_read(self.last_good, error) from error
        except UnicodeDecodeError as error:
            raise Refused(
                f"cannot restore {self.path}: {self.last_good} is broken ({error.reason}); move"
                " both away, and the file is written anew"
            ) from error
        self._keep_replaced()
        self.put(self.path, text)
        return text

    def take_over(self) -> None:
        """Count the file that stands there as nobody's from now on, and keep a copy of it.

        Where it is ours, or nobody's already, there is nothing to take over.
        """
        if not self._keep_replaced():
            return
        state = self._load()
        state.taken = self.fingerprint()
        self._store(state)

    def _judge(self, content: bytes, known: list[str]) -> Found:
        ours = _digest(content) in known
        try:
            statements, published = self._parse(content)
        except PartitionsFileFaults as error:
            whose = FileOwner.EDITED if known else FileOwner.OTHER
            return Found(whose, None, faults=error.faults)
        text = content.decode("ascii")
        if ours:
            return Found(FileOwner.OURS, text, statements, published=published)
        if not known and replaces_nothing(statements, self._full_default):
            return Found(FileOwner.NONE, text, statements)
        return Found(FileOwner.EDITED if known else FileOwner.OTHER, text, statements)

    def _parse(self, content: bytes) -> tuple[tuple[Statement, ...], Partitions]:
        """Parse *content*, unless it is what was parsed last."""
        if self._parsed is None or self._parsed[0] != content:
            known = by_line(*self._parsed[:2]) if self._parsed else {}
            statements = parse(content, str(self.path), known)
            self._parsed = content, statements, memberships(statements)
        return self._parsed[1:]

    def _keep_replaced(self) -> bool:
        """Keep a copy of the file and return True, where it is somebody else's work.

        An order that is given twice is not to put our own file in the place of that copy.
        """
        if self.read().whose in {FileOwner.OURS, FileOwner.NONE}:
            return False
        try:
            content = self.path.read_bytes()
        except OSError:
            return True
        try:
            self.replaced.parent.mkdir(parents=True, exist_ok=True)
            self.replaced.write_bytes(content)
        except OSError as error:
            raise cannot_write(self.replaced, error) from error
        return True

    def _load(self) -> _State:
        try:
            raw = json.loads(self._state_file.read_text())
            return _State(list(raw["digests"]), list(raw["shared"]), raw["taken"])
        except FileNotFoundError:
            return _State()
        except OSError as error:
            raise cannot_read(self._state_file, error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"cannot tell what was published: {self._state_file} is broken ({error});"
                " remove it, then run `ibstack partition take-over`"
            ) from error

    def _store(self, state: _State) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self._state_file, error) from error
        self.put(self._state_file, json.dumps(dataclasses.asdict(state)))

    def put(self, path: Path, text: str) -> None:
        """Write one file.  All writes come by here, so that tests can end between any two."""
        replace(path, text)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
