# SPDX-License-Identifier: Apache-2.0
"""Make this host's virtual functions what Neutron says, and find out whether they are."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError, Refused, TryLater
from ibstack.fabric.pci import fold
from ibstack.host.agent.plan import (
    Adopt,
    Binding,
    ClearVf,
    DesiredPort,
    Pending,
    Plan,
    Plugged,
    Step,
    UnmanagedVf,
    VfState,
    plan,
)
from ibstack.host.client.eswitch_client import EswitchUnreachable
from ibstack.host.client.observed import AttachmentState
from ibstack.neutron.protocol.conventions import REBINDING_S
from ibstack.runtime.loop import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.fabric.pci import PciAddress
    from ibstack.host.agent.reporter import Neutron, Reporter
    from ibstack.host.client.eswitch_client import EswitchClient
    from ibstack.host.client.observed import ObservedHost
    from ibstack.neutron.protocol.replies import HostPort

LOG = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.05
_LAST_RETRY_S: Final = 5.0
# nova gives a plug up after vif_plugging_timeout, 300 s: what is older is left behind, not late.
_OLD_S: Final = 600.0
_OLD_RETRY_S: Final = 30.0
# A plug that overtakes its port by seconds is the normal case, and nothing to warn of.
_PATIENCE_S: Final = 10.0
_SAID_AT_ONCE: Final = 3
# An answer of Neutron is good for so long where no hint came since: many plugs at once are one
# question, and not one each that waits behind the others.
_GOOD_FOR_S: Final = 1.0


class HostReconciler:
    """One pass: read what is plugged, ask Neutron, act, read back, say what is to be reported.

    Nothing is written on an answer of Neutron that is older than a second, and a pass that did not
    ask is followed by one that does.  Where Neutron cannot be asked, all stays as it is.
    """

    def __init__(
        self,
        host: str,
        eswitch: EswitchClient,
        neutron: Neutron,
        reporter: Reporter,
        *,
        on_observed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*on_observed* is called whenever configurations() may have changed."""
        self._host = host
        self._eswitch = eswitch
        self._neutron = neutron
        self._reporter = reporter
        self._on_observed = on_observed
        self._clock = clock
        self._etag: str | None = None
        self._desired: tuple[DesiredPort, ...] | None = None
        self._rebinding: tuple[DesiredPort, ...] = ()
        self._rebinding_since: dict[str, float] = {}
        self._asked_at = -math.inf
        self._expects_news = threading.Event()
        self._pending_since: dict[tuple[PciAddress, str], float] = {}
        self._observed: ObservedHost | None = None
        self._configurations: dict[str, Any] | None = None

    def configurations(self) -> dict[str, Any]:
        """Return what the heartbeat says of this host, as it was last seen."""
        return self._configurations or {"adapters": [], "attachments": 0, "problems": []}

    def expect_news(self) -> None:
        """Have the next pass ask Neutron, however young its last answer is."""
        self._expects_news.set()

    def once(self) -> Outcome:
        try:
            return self._pass()
        except TryLater as error:
            # What was true before is not told any more: it may have ended meanwhile.
            self._reporter.tell((), ())
            return Outcome(failures=(error,))

    def _pass(self) -> Outcome:
        observed = self._read()
        asks = self._must_ask(observed)
        desired = self._ask() if asks else self._desired
        found = self._plan(observed, desired)
        changed, refusals = self._act(found.steps)
        if found.steps:
            observed = self._read()
            found = self._plan(observed, desired)
        pending = [
            Pending(one.pci, one.mac, str(refusals.get(one.pci, one.why))) for one in found.pending
        ]
        ages = self._ages(pending)
        # Of a port that may move here Neutron shows the status where it is: nova waits to hear.
        ready = [*(port for port in found.ready if not port.is_active), *found.staged]
        self._reporter.tell(ready, found.gone, refused_ports(observed, desired))
        # Refused: what was read is out of date, a VF was detached meanwhile.
        expected = (TryLater, Refused)
        failures = [error for error in refusals.values() if not isinstance(error, expected)]
        return Outcome(
            changed=changed,
            waiting_for=_overdue(pending, ages),
            failures=tuple(failures),
            look_again_s=min(
                [*map(_retry_s, ages), *([] if asks else [_GOOD_FOR_S])], default=None
            ),
        )

    def _plan(self, observed: ObservedHost, desired: tuple[DesiredPort, ...] | None) -> Plan:
        now = self._clock()
        return plan(
            plugged_vfs(observed),
            desired,
            loose_vfs(observed),
            [p for p in self._rebinding if now - self._rebinding_since[p.id] < REBINDING_S],
            observed.held_up,
        )

    def _read(self) -> ObservedHost:
        observed = self._eswitch.read()
        configurations = _configurations(observed)
        if configurations != self._configurations:
            self._configurations = configurations
            self._on_observed()
        return observed

    def _must_ask(self, observed: ObservedHost) -> bool:
        if self._expects_news.is_set() or self._clock() - self._asked_at >= _GOOD_FOR_S:
            return True
        known = {port.pci for port in self._desired or ()}
        is_new = any(one.pci not in known for one in observed.attachments)
        return is_new or any(not plug.refused for plug in observed.held_up)

    def _ask(self) -> tuple[DesiredPort, ...]:
        # Cleared before asking: a hint that comes meanwhile may be about what this misses.
        self._expects_news.clear()
        asked_at = self._clock()
        try:
            answer = self._neutron.host_ports(self._host, self._etag)
        except TryLater:
            self._expects_news.set()
            raise
        if answer.ports is not None:
            self._desired = tuple(map(desired_port, answer.ports))
            self._rebinding = tuple(map(desired_port, answer.rebinding))
            # Neutron tells of each for so long too, and begins anew with every change of the port.
            since = self._rebinding_since
            self._rebinding_since = {p.id: since.get(p.id, asked_at) for p in self._rebinding}
            self._etag = answer.etag
        if self._desired is None:
            raise TryLater(
                f"cannot learn the ports of host {self._host}: Neutron says that nothing is new, "
                "and nothing was known"
            )
        self._asked_at = asked_at
        return self._desired

    def _act(self, steps: tuple[Step, ...]) -> tuple[int, dict[PciAddress, IbstackError]]:
        """Take each step; return how many writes that took, and what was refused, by VF."""
        changed = 0
        refusals: dict[PciAddress, IbstackError] = {}
        for step in steps:
            if step.pci in refusals:
                continue  # Still in its old partition, so it may not enter a new one.
            try:
                writes = self._apply(step)
            except EswitchUnreachable:
                raise
            except IbstackError as error:
                refusals[step.pci] = error
                continue
            if writes:
                LOG.info("did %s", step)
            changed += writes
        return changed, refusals

    def _apply(self, step: Step) -> int:
        """Return the number of writes, or of records."""
        if isinstance(step, Adopt):
            return int(self._eswitch.adopt(step.physical_network, step.mac, step.pci, step.entry))
        if isinstance(step, ClearVf) and not step.has_port:
            return self._eswitch.disown(step.pci, step.mac, left=step.is_left)
        if isinstance(step, ClearVf):
            return self._eswitch.configure(step.pci, step.mac, None, link_up=False)
        return self._eswitch.configure(
            step.pci, step.mac, step.entry, link_up=True, instance=step.instance
        )

    def _ages(self, pending: list[Pending]) -> list[float]:
        now = self._clock()
        since = {
            (one.pci, one.mac): self._pending_since.get((one.pci, one.mac), now) for one in pending
        }
        self._pending_since = since
        return [now - since[one.pci, one.mac] for one in pending]


def plugged_vfs(observed: ObservedHost) -> list[Plugged]:
    """Return each attachment with what its VF was seen to hold."""
    states = {
        (adapter.physical_network, vf.pci): VfState(vf.guid, vf.entry, vf.link)
        for adapter in observed.adapters
        for vf in adapter.vfs
    }
    return [
        Plugged(
            physical_network=one.physical_network,
            mac=one.mac,
            pci=one.pci,
            vf=states.get((one.physical_network, one.pci)),
            is_awaited=one.state is AttachmentState.PENDING,
            instance=one.instance,
            has_guest=one.guest is not None,
            is_served=one.served,
            is_left=one.state is AttachmentState.LEFT,
        )
        for one in observed.attachments
    ]


def loose_vfs(observed: ObservedHost) -> list[UnmanagedVf]:
    """Return the VFs that nobody plugged through ibstack."""
    attached = {one.pci for one in observed.attachments}
    return [
        UnmanagedVf(
            physical_network=adapter.physical_network,
            pci=vf.pci,
            vf=VfState(vf.guid, vf.entry, vf.link),
            shows_entry=adapter.kind is AdapterKind.MLX4,
        )
        for adapter in observed.adapters
        for vf in adapter.vfs
        if vf.pci not in attached
    ]


def refused_ports(
    observed: ObservedHost, desired: Sequence[DesiredPort] | None
) -> list[DesiredPort]:
    """Return the ports whose plug was refused, and which nova would wait for in vain."""
    refused = {(p.physical_network, p.mac, p.pci) for p in observed.held_up if p.refused}
    return [
        port
        for port in desired or ()
        if (port.physical_network, port.mac, port.pci) in refused
        and port.binding is Binding.ACTIVE
        and not port.is_active
    ]


def desired_port(port: HostPort) -> DesiredPort:
    """Return *port* in the words of the plan."""
    return DesiredPort(
        id=port.port_id,
        mac=port.mac.lower(),
        guid=port.guid,
        pci=port.pci,
        physical_network=port.physical_network,
        entry=port.entry,
        admin_state_up=port.admin_state_up,
        binding=Binding.ACTIVE if port.active else Binding.INACTIVE,
        is_active=port.status == "ACTIVE",
        revision=port.revision,
        instance=port.device_id and port.device_id.lower(),
    )


def _configurations(observed: ObservedHost) -> dict[str, Any]:
    left = [
        f"{one.physical_network} {one.pci} {one.mac}"
        for one in observed.attachments
        if one.state is AttachmentState.LEFT
    ]
    return {
        **({"left": left} if left else {}),
        "adapters": [
            {
                "physical_network": adapter.physical_network,
                "interface": adapter.interface,
                "kind": adapter.kind.value,
                "port_guid": None if adapter.port_guid is None else str(adapter.port_guid),
                "vfs": fold(vf.pci for vf in adapter.vfs),
                "entries": adapter.entries,
            }
            for adapter in observed.adapters
        ],
        "attachments": len(observed.attachments),
        "problems": list(observed.problems),
    }


def _retry_s(age_s: float) -> float:
    if age_s > _OLD_S:
        return _OLD_RETRY_S
    return min(max(age_s / 2, _FIRST_RETRY_S), _LAST_RETRY_S)


def _overdue(pending: list[Pending], ages: list[float]) -> str | None:
    """Return what to tell a person: what has been pending for longer than it takes."""
    late = [str(one) for one, age in zip(pending, ages, strict=True) if age >= _PATIENCE_S]
    if len(late) > _SAID_AT_ONCE:
        late[_SAID_AT_ONCE:] = [f"and {len(late) - _SAID_AT_ONCE} more"]
    return "; ".join(late) or None
