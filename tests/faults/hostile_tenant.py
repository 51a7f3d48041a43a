# SPDX-License-Identifier: Apache-2.0
"""An ordinary member of a project that wants what is another's: MACs, client-ids, all the room.

The networks of a walk are shared, so it may have ports there too, but not with a MAC of its choice.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from faults.attempts import Attempt, Promise, Void, Where
from faults.model import guid_of
from ibstack.fabric.errors import IbstackError
from ibstack_lab.services import accounts
from ibstack_lab.services.neutron_client import NeutronClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.model import Port
    from faults.world import World
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

ACCOUNT: Final = accounts.DEMO
RESERVED_MAC: Final = "fa:16:3e:5a:fe:01"
"""That of a GUID that the walk's site keeps for a port of its own, one of full_default_members."""
QUOTA: Final = {"port": 10, "network": 4}
"""Of the project; what the operator of such a cloud sets."""
_WITH_DHCP: Final = 1
"""Of the networks of a flood: each is a dnsmasq more on this machine."""
_AT_ONCE: Final = 4
_NAME: Final = "hostile"


class Tenant:
    """What the project has, and how it asks Neutron."""

    def __init__(self, cloud: Cloud) -> None:
        services = cloud.services()
        self._session = accounts.session(ACCOUNT, services.keystone.auth_url, services.password)
        self.api = NeutronClient(self._session, services.neutron.url)
        self._network = ""

    def wait_at_most(self, seconds: float) -> None:
        """Wait for no answer longer."""
        self._session.timeout = seconds

    @property
    def project(self) -> str:
        """Its id: Neutron's log tells of each request whose it was."""
        return str(self._session.get_project_id())

    @property
    def network(self) -> str:
        """One of its own, which it may give MACs; made anew where it was deleted."""
        if not self._network:
            self._network = self.api.create("networks", name=_NAME)["id"]
        return self._network

    def port(self, network: str, **fields: Any) -> Resource:
        return self.api.create(
            "ports", network_id=network, name=_NAME, **{"binding:vnic_type": "direct"}, **fields
        )

    def leave(self) -> None:
        """Delete all that it has, whatever was answered when it was asked for."""
        self._network = ""
        for kind in ("ports", "networks"):
            for each in self.api.list(kind, name=_NAME):
                with suppress(_Gone):
                    _delete(self.api, kind, each["id"])


class _Gone(IbstackError):
    """It was deleted already."""


def _delete(api: NeutronClient, kind: str, resource_id: str) -> None:
    try:
        api.delete(kind, resource_id)
    except IbstackError as error:
        raise (_Gone(str(error)) if "(HTTP 404)" in str(error) else error) from error


def _refused(do: Callable[[], object]) -> str:
    """Return the refusal; empty where it was granted."""
    try:
        do()
    except IbstackError as error:
        if "(HTTP 4" in str(error):
            return str(error)
        raise
    return ""


def _refused_in_time(tenant: Tenant, do: Callable[[], object]) -> str:
    """The same of what it must not be in its own way of: by a flood, or by a request that went
    through although nobody answered it."""
    answer = _refused(do)
    if "Quota exceeded" in answer or "is in use" in answer:
        tenant.leave()
        raise IbstackError(answer)
    return answer


# What is another's.


def choose_a_mac(world: World) -> str:
    """Make a port with the MAC of another one of the fabric, or of the site's; or have it so.

    Another MAC for a port that is there is for administrators (Neutron's policy).
    """
    port = world.choose(lambda p: p.exists)
    if port is None or world.rng.random() < 0.3:
        mac, whose = RESERVED_MAC, "a port of the site"
        why = "belongs to a physical port of the fabric or to the site"
        log = "is reported by"
    else:
        mac, whose = port.mac, str(port)
        why = "a port of another network of the same InfiniBand fabric"
        log = "it has the MAC of port"
    way = world.rng.choice(list(_WAYS_TO_A_MAC))

    def do() -> str:
        _require(world, port if mac != RESERVED_MAC else None)
        return _refused_in_time(world.tenant, partial(_WAYS_TO_A_MAC[way], world.tenant, mac))

    what = f"project {ACCOUNT.project} wants the MAC of {whose}, {way}"
    shown = "cannot give port", f"the MAC address {mac}", why, "(HTTP 409)"
    return world.attempt(_tenants(world, what, do, shown, ("is refused", log)))


def _with_a_new_port(tenant: Tenant, mac: str) -> None:
    tenant.port(tenant.network, mac_address=mac)


def _by_another_vnic_type(tenant: Tenant, mac: str) -> None:
    port = tenant.api.create("ports", network_id=tenant.network, name=_NAME, mac_address=mac)
    try:
        tenant.api.update("ports", port["id"], **{"binding:vnic_type": "direct"})
    finally:
        tenant.api.delete("ports", port["id"])


_WAYS_TO_A_MAC: Final[dict[str, Callable[[Tenant, str], None]]] = {
    "with a new port": _with_a_new_port,
    "by another vnic_type of a port": _by_another_vnic_type,
}


def choose_a_client_id(world: World) -> str | None:
    """Ask for addresses in the name of another guest of a shared network."""
    port = world.choose(lambda p: p.exists)
    if port is None:
        return None
    form = world.rng.choice(["20:", "ff:00:00:00:00:00:02:00:00:02:c9:00:"])
    client_id = form + guid_of(port.mac).to_bytes(8, "big").hex(":")
    options = [{"opt_name": "client-id", "opt_value": client_id}]
    changes = world.rng.random() < 0.5
    network = world.networks[port.key]

    def do() -> str:
        _require(world, port)
        return _refused_in_time(
            world.tenant, partial(_ask_for, world.tenant, network, options, changes=changes)
        )

    what = f"project {ACCOUNT.project} wants the client-id of {port}"
    shown = "cannot give port", f"the DHCP client-id {client_id}", "(HTTP 409)"
    return world.attempt(
        _tenants(world, what, do, shown, ("is refused", "it has a client-id of port"))
    )


def _ask_for(tenant: Tenant, network: str, options: object, *, changes: bool) -> None:
    if not changes:
        tenant.port(network, extra_dhcp_opts=options)
        return
    own = tenant.port(network)["id"]
    try:
        tenant.api.update("ports", own, extra_dhcp_opts=options)
    finally:
        tenant.api.delete("ports", own)


def _require(world: World, port: Port | None) -> None:
    """Raise Void where *port*, whose name is wanted, has gone; None: it needs none."""
    if port is not None and not world.eyes.is_in_neutron(port.mac):
        raise Void


# Load.


def flood_networks(world: World) -> str:
    """Make as many as it may have, some with DHCP, and one more."""

    def do() -> str:
        tenant, answer = world.tenant, ""
        for number in range(QUOTA["network"] + 1):
            answer = _refused(partial(_make_network, tenant, number))
            if answer:
                break
        return answer

    what = f"project {ACCOUNT.project} floods networks"
    return world.attempt(_tenants(world, what, do, _over("network"), None))


def _make_network(tenant: Tenant, number: int) -> None:
    network = tenant.api.create("networks", name=_NAME)
    if number < _WITH_DHCP:
        cidr = f"10.99.{number}.0/24"
        tenant.api.create("subnets", network_id=network["id"], ip_version=4, cidr=cidr)


def flood_ports(world: World) -> str:
    """Make as many as it may have on a network of others, and one more."""
    network = world.rng.choice(list(world.networks.values()))

    def do() -> str:
        for _ in range(QUOTA["port"] + 1):
            if answer := _refused(lambda: world.tenant.port(network)):
                return answer
        return ""

    what = f"project {ACCOUNT.project} floods ports"
    return world.attempt(_tenants(world, what, do, _over("port"), None))


def _over(resource: str) -> tuple[str, ...]:
    return f"Quota exceeded for resources: ['{resource}']", "(HTTP 409)"


def come_and_go(world: World) -> str:
    """Make ports and delete them at once."""
    network = world.rng.choice(list(world.networks.values()))

    def do() -> str:
        for _ in range(_AT_ONCE):
            _refused_in_time(world.tenant, partial(_come_and_go, world.tenant, network))
        return ""

    what = f"project {ACCOUNT.project} makes and deletes ports, one upon the other"
    return world.attempt(_tenants(world, what, do, None, None))


def _come_and_go(tenant: Tenant, network: str) -> None:
    tenant.api.delete("ports", tenant.port(network)["id"])


def _tenants(
    world: World,
    what: str,
    do: Callable[[], str],
    answered: tuple[str, ...] | None,
    logged: tuple[str, ...] | None,
) -> Attempt:
    """Return an attempt that is refused with *answered*, and *logged* with the project's id."""
    promises = list[Promise]()
    if answered:
        promises.append(Promise(Where.ANSWER, answered))
    if logged:
        promises.append(Promise(Where.NEUTRON_LOG, (*logged, world.project)))
    return Attempt(what, do, tuple(promises), undo=lambda: world.tenant.leave())


HOSTILE_TENANT: Final[dict[Callable[[World], str | None], float]] = {
    choose_a_mac: 4,
    choose_a_client_id: 3,
    flood_networks: 0.5,
    flood_ports: 0.7,
    come_and_go: 1,
}
"""And how often each is chosen."""
