# SPDX-License-Identifier: Apache-2.0
"""A port's way, station by station, to the first thing that is wrong.  Pure.

A station is added in one place: the function that judges it, and its line in WAY.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.verify.port import at_dhcp, in_neutron, in_tables, on_fabric, on_host
from ibstack.verify.port.cloud_facts import is_own
from ibstack.verify.port.finding import Facts, Finding, State, not_needed

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Station:
    """One stop of the way: what is looked at, and who judges it."""

    looked_at: str
    judge: Callable[[Facts], Finding]
    last: bool = False
    """Where something waits it cannot be right, and says nothing new."""
    of_a_guest: bool = True
    """False: a DHCP or router port passes here too, which has neither VF nor guest."""


WAY: Final = (
    Station("Neutron knows the port", in_neutron.known, of_a_guest=False),
    Station("administrative state", in_neutron.switched_on, of_a_guest=False),
    Station("MAC and GUID", in_neutron.makes_a_guid),
    Station("network and partition", in_neutron.has_a_partition, of_a_guest=False),
    Station("vnic type", in_neutron.is_direct),
    Station("host given", in_neutron.has_a_host, of_a_guest=False),
    Station("Neutron binding", in_neutron.is_bound, of_a_guest=False),
    Station("agent alive", in_neutron.agent_alive, of_a_guest=False),
    Station("physical network mapped", in_neutron.network_mapped, of_a_guest=False),
    Station("VF of the agent", in_neutron.vf_reported),
    Station("eswitchd answers", on_host.daemon_answers),
    Station("VF present", on_host.vf_present),
    Station("GUID of the VF", on_host.has_its_guid),
    Station("link policy", on_host.link_policy),
    Station("plug seen", on_host.plug_seen),
    Station("physical port", on_host.physical_port_active),
    Station("subnet manager in office", on_fabric.sm_in_office, of_a_guest=False),
    Station("fabricd beside it", on_fabric.sm_is_served, of_a_guest=False),
    Station("subnet manager serves vports", on_fabric.sm_serves_vports),
    Station("membership desired", on_fabric.is_desired, of_a_guest=False),
    Station("membership published", on_fabric.is_published, of_a_guest=False),
    Station("file loaded", on_fabric.is_loaded, of_a_guest=False),
    Station("key in the table", in_tables.in_table, of_a_guest=False),
    Station("index mapped", on_host.index_mapped),
    Station("alias GUID", on_host.alias_accepted),
    Station("IPoIB broadcast group", on_fabric.has_a_group, of_a_guest=False),
    Station("DHCP agent", at_dhcp.agent_serves, of_a_guest=False),
    Station("DHCP host a member", at_dhcp.host_is_member, of_a_guest=False),
    Station("client-id", at_dhcp.right_client_id),
    Station("known to dnsmasq", at_dhcp.dnsmasq_knows),
    Station("provisioned", at_dhcp.is_active, of_a_guest=False),
    Station("lease", at_dhcp.has_a_lease, last=True),
)


@dataclass(frozen=True, slots=True)
class Explained:
    """The way as far as it was walked."""

    port: str
    walked: tuple[tuple[Station, Finding], ...]

    @property
    def fault(self) -> Finding | None:
        """What is wrong; where nothing is, the first that waits; None where neither is."""
        findings = [finding for _, finding in self.walked]
        for state in (State.WRONG, State.WAITS):
            found = next((f for f in findings if f.state is state), None)
            if found is not None:
                return found
        return None

    @property
    def unseen(self) -> tuple[str, ...]:
        return tuple(s.looked_at for s, f in self.walked if f.state is State.NOT_LOOKED)

    @property
    def answer(self) -> str:
        """The first line."""
        if self.fault is not None:
            return f"port {self.port}: {self.fault.answer}"
        if self.unseen:
            return (
                f"port {self.port}: nothing wrong was found, and {len(self.unseen)} of"
                f" {len(self.walked)} stations could not be looked at"
            )
        return f"port {self.port}: nothing is wrong on its whole way"

    @property
    def to_do(self) -> str:
        """The last line: one sentence."""
        if self.fault is not None:
            return f"{self.fault.remedy[:1].upper()}{self.fault.remedy[1:]}."
        if self.unseen:
            return f"See why these could not be looked at: {', '.join(self.unseen)}."
        return "Nothing has to be done."

    @property
    def exit_code(self) -> int:
        """0: all is right; 3: something is wrong; 4: it could not be known."""
        if self.fault is not None:
            return 3
        return 4 if self.unseen else 0


def _not_of_a_guest(station: Station, facts: Facts) -> Finding | None:
    port = facts.cloud.port
    if port is None or not station.of_a_guest or not is_own(port):
        return None
    why = f"a port of {port.device_owner}: its host plugs it on its own adapter"
    return not_needed(why, "Neutron API, port")


def explain(facts: Facts) -> Explained:
    """Walk the way; stop at the first thing that is wrong."""
    walked: list[tuple[Station, Finding]] = []
    for station in WAY:
        if station.last and any(finding.state is State.WAITS for _, finding in walked):
            break
        finding = _not_of_a_guest(station, facts) or station.judge(facts)
        walked.append((station, finding))
        if finding.state is State.WRONG:
            break
    port = facts.cloud.port
    name = facts.cloud.wanted if port is None else port.name or port.id
    return Explained(name, tuple(walked))
