# SPDX-License-Identifier: Apache-2.0
"""How far an attachment has come: what is on record beside what its VF shows.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import DEFAULT_PARTITION, PROOF_KEYS, SCRATCH_KEY
from ibstack.host.client.observed import AttachmentState, Link, ObservedAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.client.observed import ObservedVf
    from ibstack.host.eswitchd.attachments import Attachment, Configured

JudgedState: TypeAlias = "tuple[AttachmentState, str | None]"
"""The state, and why where it is pending."""

FREED_AFTER_S: Final = 30.0
"""How long a VF stays attached that has no port and no guest, in seconds."""
FREED_WITHIN_S: Final = FREED_AFTER_S + 5.0
"""The same and the time between two looks of the daemon."""
_WAITS_FOR_AGENT: Final = (
    "no partition has been configured for it yet; ibstack-agent does that when Neutron shows "
    "the port bound to this host"
)


def refuse_reserved(entry: TableEntry | None) -> None:
    """Refuse an entry that no VF has, whoever asks for it.

    Full membership of the default partition reaches every port of the fabric, and with the keys of
    ibstack's own fabricd proves what it publishes.
    """
    if entry is None:
        return
    if entry.partition == DEFAULT_PARTITION and entry.full_member:
        raise Refused(
            f"a VF does not get entry {entry}: full members of the default partition"
            " reach every port of the fabric"
        )
    if entry.partition in (*PROOF_KEYS, SCRATCH_KEY):
        raise Refused(
            f"a VF does not get entry {entry}: partition keys {PROOF_KEYS[0]} to"
            f" {SCRATCH_KEY} are reserved for ibstack"
        )


def judge_attachment(
    record: Attachment, vf: ObservedVf | None, trouble: str | None, guest: str | None = None
) -> JudgedState:
    """Judge an attachment by its VF; *trouble* is what went wrong with it last.

    *guest*: the driver that gives the VF to a guest, None where none does.
    """
    why: str | None = None
    if record.left and not record.leaving:
        return AttachmentState.LEFT, why_left(record, guest)
    if record.leaving:
        why = f"it is being detached; {trouble or 'its VF is not clear yet'}"
    elif vf is None:
        why = "no adapter of this host shows that VF now"
    elif vf.guid != record.guid:
        why = trouble or f"its GUID is {vf.guid or 'not set'}, and should be {record.guid}"
    elif record.configured is None:
        why = trouble or _WAITS_FOR_AGENT
    elif not is_as(vf, record.configured):
        why = trouble or "it is not as it was configured; ibstack-agent configures it again"
    return AttachmentState.PROGRAMMED if why is None else AttachmentState.PENDING, why


def why_left(record: Attachment, guest: str | None) -> str:
    """Say what becomes of an attachment that Neutron has no port for."""
    said = f"Neutron has no port for it on this host, and it was never detached ({record.whose}); "
    if guest is None:
        return f"{said}its VF is on no partition, and is freed within {FREED_WITHIN_S:g} s"
    return (
        f"{said}a guest still has the VF (driver {guest}), which is on no partition: end that guest"
        " (virsh list, virsh destroy)"
    )


def left_problem(record: Attachment, guest: str | None) -> str | None:
    """Return a sentence for `problems` where Neutron has no port for an attachment, else None."""
    if not record.left:
        return None
    return f"VF {record.pci} is still attached to {record.mac}: {why_left(record, guest)}"


def is_half_done(vf: ObservedVf, record: Attachment) -> bool:
    """Return whether the VF is not what `attach` leaves behind, or a `configure` after it."""
    is_on = vf.link is not Link.DOWN
    return vf.guid != record.guid or (record.configured is None and is_on)


def is_as(vf: ObservedVf, configured: Configured) -> bool:
    """Return whether the VF shows what was configured; mlx5 shows its link alone."""
    if configured.entry is None or not configured.link_up:
        return vf.link is Link.DOWN
    # mlx5 has no index and shows no entry: there the link is all that the host decides.
    is_mapped = vf.index is None or vf.entry == configured.entry
    return vf.link in (Link.AUTO, Link.UP) and is_mapped


def smi_problem(record: Attachment, vf: ObservedVf | None) -> str | None:
    """Return a sentence for `problems` where the guest may act as a subnet manager, else None."""
    if vf is None or not vf.smi:
        return None
    return (
        f"VF {record.pci} of {record.mac} may send subnet management datagrams, and so change any"
        " port's P_Key table: write 0 to its enable_smi_admin below"
        " /sys/class/infiniband/*/iov, and restart its instance"
    )


def with_entries(
    adapter: ObservedAdapter, records: Mapping[PciAddress, Attachment]
) -> ObservedAdapter:
    """Add to each VF of mlx5 the entry that it was configured with, as long as it is so."""
    return replace(adapter, vfs=tuple(_with_entry(vf, records.get(vf.pci)) for vf in adapter.vfs))


def _with_entry(vf: ObservedVf, record: Attachment | None) -> ObservedVf:
    if record is None or record.configured is None or vf.index is not None:
        return vf
    is_on = vf.link in (Link.AUTO, Link.UP) and vf.guid == record.guid
    return replace(vf, entry=record.configured.entry) if is_on else vf
