# SPDX-License-Identifier: Apache-2.0
"""Whom a change of a port concerns, and casting the hints to them.

A hint says "ask again" and carries no state: losing one costs until the next periodic pull.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import oslo_messaging
from neutron_lib import context as neutron_context
from neutron_lib import rpc
from neutron_lib.api.definitions import portbindings

from ibstack.neutron.protocol.conventions import (
    AGENT_TOPIC,
    FABRIC_TOPIC,
    OWN_DEVICE_OWNERS,
    OWN_VIF_TYPE,
    RPC_VERSION,
    VIF_TYPE,
)

LOG = logging.getLogger(__name__)

# An API request must not hang on a hint while the broker is away.
_CONNECT_RETRIES: Final = 1


class Hints(Protocol):
    """Where hints go: the broker, or a record of them in tests."""

    def port_hint(self, host: str, port_id: str) -> None:
        """Wake the ibstack-agent of *host*."""

    def fabric_hint(self, physical_network: str) -> None:
        """Wake every ibstack-fabricd of *physical_network*."""


@dataclass(frozen=True, slots=True)
class PortSnapshot:
    """What of a port matters to the agents, at one moment."""

    host: str
    vif_type: str
    pci_slot: str | None
    mac: str
    admin_state_up: bool
    device_owner: str = ""

    @property
    def ours(self) -> bool:
        return self.vif_type == VIF_TYPE and bool(self.host)

    @property
    def belongs(self) -> bool:
        """Whether it makes somebody a member of a partition: its VF, or its host itself."""
        if self.vif_type == OWN_VIF_TYPE:
            return self.device_owner in OWN_DEVICE_OWNERS and bool(self.host)
        return self.ours

    @property
    def lingers(self) -> bool:
        """Whether it is unbound where a VF is named: Neutron's state between two bindings."""
        is_named = bool(self.host) and self.pci_slot is not None
        return is_named and self.vif_type == portbindings.VIF_TYPE_UNBOUND


def is_bound_anew(before: PortSnapshot, after: PortSnapshot) -> bool:
    """Return whether a port of ours was unbound only to be bound again to the same host and VF.

    Neutron does so whenever a binding is changed, of which the profile is a part.  It is no news:
    the next commit says what became of it.
    """
    return before.ours and after.lingers and after == replace(before, vif_type=after.vif_type)


def as_it_was(before: PortSnapshot, after: PortSnapshot | None) -> PortSnapshot:
    """Return *before* as ours where it lingers and does not become ours: its VF may be as it was.

    Nobody was told when it was unbound (is_bound_anew).
    """
    is_settled = after is None or not after.ours
    return replace(before, vif_type=VIF_TYPE) if before.lingers and is_settled else before


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a change concerns: some hosts, and the fabric of the port."""

    hosts: tuple[str, ...] = ()
    fabric: bool = False


def recipients(
    before: PortSnapshot | None, after: PortSnapshot | None, *, lost_active: bool = False
) -> Recipients:
    """Return whom the change from *before* to *after* concerns; None: there was, or is, no port.

    *lost_active*: the status went from ACTIVE to another, so the host must look whether it should
    say again that the port is ready.  Other changes of the status come from the agents themselves.
    """
    belonging = [one for one in (before, after) if one is not None and one.belongs]
    hosts = tuple(sorted({one.host for one in belonging if one.ours}))
    if before != after:
        return Recipients(hosts, fabric=bool(belonging))
    return Recipients(hosts if lost_active else ())


class BrokerHints:
    """Casts hints over the message broker.  One that cannot be sent is logged, and that is all."""

    def port_hint(self, host: str, port_id: str) -> None:
        self._cast(AGENT_TOPIC, {"server": host}, "port_hint", port_id=port_id)

    def fabric_hint(self, physical_network: str) -> None:
        self._cast(FABRIC_TOPIC, {"fanout": True}, "fabric_hint", physical_network=physical_network)

    def _cast(self, topic: str, to: dict[str, Any], method: str, **arguments: str) -> None:
        client = rpc.get_client(oslo_messaging.Target(topic=topic, version=RPC_VERSION))
        try:
            client.prepare(retry=_CONNECT_RETRIES, **to).cast(
                neutron_context.get_admin_context_without_session(), method, **arguments
            )
        except (oslo_messaging.MessagingException, OSError) as error:
            LOG.warning(
                "cannot send %s to %s: %s; its next periodic pull makes up for it",
                method,
                to.get("server", "every ibstack-fabricd"),
                error,
            )
