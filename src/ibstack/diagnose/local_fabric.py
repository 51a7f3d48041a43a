# SPDX-License-Identifier: Apache-2.0
"""The fabric, as it is read from the host of a subnet manager: OpenSM, its file, tables."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.diagnose.host_facts import DesiredFacts, FabricFacts, FileFacts, ObservedPort
from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey
from ibstack.mad import CannotReadFabric, NotKnown, PortState, SmState
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ibstack.diagnose.host_facts import Question
    from ibstack.mad import FabricMap, FabricReader
    from ibstack.neutron.protocol.replies import FabricMembers
    from ibstack.subnet_manager.settings import FabricdSettings

_NOT_KNOWN: Final = "not known"
_AGAIN_S: Final = 0.1
"""A sweep may be under way: what one reading finds wrong is read once more."""


@dataclass(frozen=True, slots=True)
class FabricSource:
    """Ways to what is to be read."""

    host: str
    settings: FabricdSettings
    open_reader: Callable[[], AbstractContextManager[FabricReader]]
    members: Callable[[], FabricMembers]
    """Ask Neutron over RPC; TryLater where it cannot be asked."""


@dataclass(frozen=True, slots=True)
class _Observed:
    master: str | None = None
    master_name: str = ""
    no_master: str = ""
    unread: str = ""
    ports: tuple[ObservedPort, ...] = ()

    @property
    def proofs(self) -> tuple[int, ...] | None:
        own = next((port for port in self.ports if port.guid == self.master), None)
        if own is None or own.table is None:
            return None
        keys = {key.base for key in PROOF_KEYS}
        return tuple(sorted(raw & 0x7FFF for raw in own.table if raw & 0x7FFF in keys))


def read(source: FabricSource, question: Question) -> FabricFacts:
    """Read it all; what cannot be read is None, and why is said."""
    settings = source.settings
    opensm = OpenSmProcesses(
        settings.partitions_conf, settings.opensm_pid_file, settings.reload_command
    )
    serves = settings.fabric.serves_vports
    seen = _settled(source, question)
    desired, undesired = _desired(source, question)
    return FabricFacts(
        host=source.host,
        opensm_runs=bool(opensm.processes()),
        serves_vports=opensm.knows_vports() if serves is None else serves,
        master=seen.master,
        master_name=seen.master_name,
        no_master=seen.no_master,
        unread=seen.unread,
        ports=seen.ports,
        proofs=seen.proofs,
        full_default=tuple(sorted(map(str, settings.fabric.full_default))),
        file=_file(settings, question),
        desired=desired,
        undesired=undesired,
    )


def _settled(source: FabricSource, question: Question) -> _Observed:
    """Return what two readings in a row show alike, or what the third one shows."""
    before = _read_once(source, question)
    for _ in range(2):
        time.sleep(_AGAIN_S)
        after = _read_once(source, question)
        if after == before:
            break
        before = after
    return before


def _read_once(source: FabricSource, question: Question) -> _Observed:
    try:
        with source.open_reader() as reader:
            return _through(reader, question)
    except CannotReadFabric as error:
        return _Observed(unread=str(error))


def _through(reader: FabricReader, question: Question) -> _Observed:
    manager, fabric = reader.subnet_manager(), reader.discover()
    master, why = None, ""
    if isinstance(manager, NotKnown):
        why = manager.why
    elif manager.state is not SmState.MASTER:
        why = f"the one on port {manager.guid} is {manager.state.name.lower()}"
    else:
        master = str(manager.guid)
    ports = _ports(reader, fabric, {*question.guids, *([master] if master else [])})
    name = next((port.name for port in ports if port.guid == master), "")
    return _Observed(master, name, why, "", ports)


def _ports(reader: FabricReader, fabric: FabricMap, guids: set[str]) -> tuple[ObservedPort, ...]:
    """Read the ports with *guids*; of several with one GUID, the one that serves is the first."""
    wanted = [record for record in fabric.ends if str(record.guid) in guids]
    records = sorted(wanted, key=lambda record: record.guid)
    found = []
    for record, table in zip(records, reader.tables_of(records), strict=True):
        name = record.place if record.shares_guid else record.description or "no name"
        active = record.state is PortState.ACTIVE
        if isinstance(table, NotKnown):
            found.append(ObservedPort(str(record.guid), name, active, None, table.why))
        else:
            raw = tuple(entry.to_wire() if entry else 0 for entry in table)
            found.append(ObservedPort(str(record.guid), name, active, raw))
    return tuple(found)


def _file(settings: FabricdSettings, question: Question) -> FileFacts:
    path = settings.partitions_conf
    publication = PartitionsFileStore(path, settings.state_path, settings.fabric.full_default)
    try:
        # What fabricd takes for an edit, when it may not read the file, is none for us to tell.
        with suppress(FileNotFoundError):
            path.open("rb").close()
        found = publication.read()
    except OSError as error:
        why = f"cannot read {error.filename}: {error.strerror}; run this as root"
        return FileFacts(str(path), _NOT_KNOWN, (why,))
    except IbstackError as error:
        return FileFacts(str(path), _NOT_KNOWN, (str(error),))
    key = PartitionKey(question.key) if question.key else None
    listed = found.published.get(key) if key else None
    members = listed.members if listed else {}
    return FileFacts(
        path=str(path),
        whose=found.whose.value,
        faults=tuple(str(fault) for fault in found.faults),
        proof=found.proof.base if found.proof else None,
        members={str(guid): membership.value for guid, membership in members.items()},
    )


def _desired(source: FabricSource, question: Question) -> tuple[DesiredFacts | None, str]:
    try:
        answer = source.members()
    except TryLater as error:
        return None, str(error)
    if answer.members is None:
        return None, "Neutron said that nothing is new, and had not been asked that"
    mine = (m for m in answer.members if m.port_id == question.port_id)
    held = (h.why for h in answer.held if h.port_id == question.port_id)
    guids = tuple(sorted(str(m.guid) for m in mine if m.key.base == question.key))
    return DesiredFacts(guids, next(held, None)), ""
