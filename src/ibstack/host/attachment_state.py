# SPDX-License-Identifier: Apache-2.0
"""How far an attachment has come: what is on record beside what its VF shows.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.host.observed import AttachmentState, Link, ObservedAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.pci import PciAddress
    from ibstack.host.attachments import Attachment, Configured
    from ibstack.host.observed import ObservedVf

Judged: TypeAlias = "tuple[AttachmentState, str | None]"
"""The state, and why where it is pending."""

_WAITS_FOR_AGENT: Final = (
    "no partition has been configured for it yet; ibstack-agent does that when Neutron shows "
    "the port bound to this host"
)


def verdict(record: Attachment, vf: ObservedVf | None, trouble: str | None) -> Judged:
    """Judge an attachment by its VF; *trouble* is what went wrong with it last."""
    why: str | None = None
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
