# SPDX-License-Identifier: Apache-2.0
"""A port's way, step by step, to the first thing that is wrong.  Pure.

A step is added in one place: the function that judges it, and its line in STEPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.diagnose import dhcp_steps, fabric_steps, host_steps, neutron_steps, table_steps
from ibstack.diagnose.cloud_facts import is_own
from ibstack.diagnose.finding import Facts, Finding, State, not_needed
from ibstack.fabric.errors import DIFFERS, NOT_KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of the way: what is looked at, and who judges it."""

    looked_at: str
    judge: Callable[[Facts], Finding]
    last: bool = False
    """Where something waits it cannot be right, and says nothing new."""
    of_a_guest: bool = True
    """False: a DHCP or router port passes here too, which has neither VF nor guest."""


STEPS: Final = (
    Step("Neutron knows the port", neutron_steps.known, of_a_guest=False),
    Step("administrative state", neutron_steps.switched_on, of_a_guest=False),
    Step("MAC and GUID", neutron_steps.makes_a_guid),
    Step("network and partition", neutron_steps.has_a_partition, of_a_guest=False),
    Step("vnic type", neutron_steps.is_direct),
    Step("host given", neutron_steps.has_a_host, of_a_guest=False),
    Step("Neutron binding", neutron_steps.is_bound, of_a_guest=False),
    Step("agent alive", neutron_steps.agent_alive, of_a_guest=False),
    Step("physical network mapped", neutron_steps.network_mapped, of_a_guest=False),
    Step("VF of the agent", neutron_steps.vf_reported),
    Step("eswitchd answers", host_steps.daemon_answers),
    Step("VF present", host_steps.vf_present),
    Step("GUID of the VF", host_steps.has_its_guid),
    Step("link policy", host_steps.link_policy),
    Step("plug seen", host_steps.plug_seen),
    Step("physical port", host_steps.physical_port_active),
    Step("subnet manager in office", fabric_steps.sm_is_master, of_a_guest=False),
    Step("fabricd beside it", fabric_steps.sm_is_served, of_a_guest=False),
    Step("subnet manager serves vports", fabric_steps.sm_serves_vports),
    Step("membership desired", fabric_steps.is_desired, of_a_guest=False),
    Step("membership published", fabric_steps.is_published, of_a_guest=False),
    Step("file loaded", fabric_steps.is_loaded, of_a_guest=False),
    Step("key in the table", table_steps.in_table, of_a_guest=False),
    Step("index mapped", host_steps.index_mapped),
    Step("alias GUID", host_steps.alias_accepted),
    Step("IPoIB broadcast group", fabric_steps.has_a_group, of_a_guest=False),
    Step("DHCP agent", dhcp_steps.agent_serves, of_a_guest=False),
    Step("DHCP host a member", dhcp_steps.host_is_member, of_a_guest=False),
    Step("client-id", dhcp_steps.right_client_id),
    Step("known to dnsmasq", dhcp_steps.dnsmasq_knows),
    Step("provisioned", dhcp_steps.is_active, of_a_guest=False),
    Step("lease", dhcp_steps.has_a_lease, last=True),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The way as far as it was walked."""

    port: str
    walked: tuple[tuple[Step, Finding], ...]

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
    def unknown(self) -> tuple[str, ...]:
        return tuple(s.looked_at for s, f in self.walked if f.state is State.NOT_KNOWN)

    @property
    def answer(self) -> str:
        """The first line."""
        if self.fault is not None:
            return f"port {self.port}: {self.fault.answer}"
        if self.unknown:
            return (
                f"port {self.port}: nothing wrong was found, and {len(self.unknown)} of"
                f" {len(self.walked)} steps could not be looked at"
            )
        return f"port {self.port}: nothing is wrong on its whole way"

    @property
    def to_do(self) -> str:
        """The last line: one sentence."""
        if self.fault is not None:
            return f"{self.fault.remedy[:1].upper()}{self.fault.remedy[1:]}."
        if self.unknown:
            return f"See why these could not be looked at: {', '.join(self.unknown)}."
        return "Nothing has to be done."

    @property
    def exit_code(self) -> int:
        """0: all is right; 3: something is wrong; 4: it could not be known."""
        if self.fault is not None:
            return DIFFERS
        return NOT_KNOWN if self.unknown else 0


def _not_of_a_guest(step: Step, facts: Facts) -> Finding | None:
    port = facts.cloud.port
    if port is None or not step.of_a_guest or not is_own(port):
        return None
    why = f"a port of {port.device_owner}: its host plugs it on its own adapter"
    return not_needed(why, "Neutron API, port")


def diagnose(facts: Facts) -> Diagnosis:
    """Walk the way; stop at the first thing that is wrong."""
    walked: list[tuple[Step, Finding]] = []
    for step in STEPS:
        if step.last and any(finding.state is State.WAITS for _, finding in walked):
            break
        finding = _not_of_a_guest(step, facts) or step.judge(facts)
        walked.append((step, finding))
        if finding.state is State.WRONG:
            break
    port = facts.cloud.port
    name = facts.cloud.wanted if port is None else port.name or port.id
    return Diagnosis(name, tuple(walked))
