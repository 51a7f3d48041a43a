# SPDX-License-Identifier: Apache-2.0
"""A binding that Neutron changes, in its two commits: what agents are told between them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron.db.models_v2 import Port
    from neutron_lib.callbacks import events, registry, resources
    from neutron_lib.db import api as db_api
    from oslo_utils import timeutils

    from ibstack.neutron.protocol.conventions import REBINDING_S
    from ibstack.neutron.server.desired import is_rebinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FABRIC, NODE = "ibhostnet", "node003"
VF1, VF2 = "0000:05:00.1", "0000:05:00.2"
NOTE = {"pci_slot": VF1, "migrating_to": "node009"}


@contextmanager
def between_the_commits(action: Callable[[], None]) -> Iterator[None]:
    """Do *action* when Neutron is about to commit a binding: it has committed the unbinding."""

    def look(_resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
        if payload.metadata and "new_binding" in payload.metadata:
            action()

    registry.subscribe(look, resources.PORT, events.BEFORE_UPDATE)
    try:
        yield
    finally:
        registry.unsubscribe(look, resources.PORT, events.BEFORE_UPDATE)


def die() -> None:
    raise RuntimeError("the API's process is killed here")


def active_port(cloud: Any, **attributes: Any) -> dict[str, Any]:
    port: dict[str, Any] = cloud.port(cloud.network(5), NODE, pci=VF1, **attributes)
    cloud.ready(port["id"])
    assert cloud.status(port["id"]) == "ACTIVE"
    cloud.hints.forget()
    return port


def left_unbound(cloud: Any, port: dict[str, Any]) -> None:
    """Leave the port as an API leaves it that dies between the two commits."""
    with between_the_commits(die), pytest.raises(Exception, match="500"):
        cloud.update(port["id"], **{"binding:profile": NOTE})
    assert cloud.show(port["id"])["binding:vif_type"] == "unbound"


def made_older(cloud: Any, port_id: str, by_s: float) -> None:
    context = cloud.fresh()
    with db_api.CONTEXT_WRITER.using(context):
        attributes = context.session.get(Port, port_id).standard_attr
        attributes.updated_at = timeutils.utcnow() - timedelta(seconds=by_s)


def kept_on(cloud: Any, host: str = NODE) -> list[tuple[str, str, str]]:
    return [(p["id"], p["pci"], p["entry"]) for p in cloud.wanted_on(host).get("rebinding", [])]


def kept_of(cloud: Any) -> list[tuple[str, str, str]]:
    held = cloud.wanted_of()["held"]
    return [(h["port_id"], h["host"], h["key"]) for h in held if "key" in h]


def test_between_the_commits_the_port_keeps_what_it_has_and_nobody_is_woken(cloud: Any) -> None:
    cloud.agent()
    port = active_port(cloud)
    seen: list[Any] = []

    def look() -> None:
        seen.append((cloud.wanted_on()["ports"], kept_on(cloud), kept_of(cloud)))
        assert (cloud.hints.hosts, cloud.hints.fabrics) == ([], [])

    with between_the_commits(look):
        cloud.update(port["id"], **{"binding:profile": NOTE})

    assert seen == [([], [(port["id"], VF1, "0x8005")], [(port["id"], NODE, "0x0005")])]
    # The host has to say again that the port is ready: it has gone DOWN.
    assert cloud.hints.hosts == [(NODE, port["id"])]
    assert [p["id"] for p in cloud.wanted_on()["ports"]] == [port["id"]]
    assert (kept_on(cloud), kept_of(cloud)) == ([], [])


def test_on_mariadb_too_and_there_nothing_is_believed_unread_meanwhile(
    cloud_on_mariadb: Any,
) -> None:
    cloud = cloud_on_mariadb
    cloud.agent()
    port = active_port(cloud)
    before = cloud.wanted_of()["etag"]
    assert cloud.wanted_of(etag=before)["held"] is None, "nothing was read"

    left_unbound(cloud, port)
    between = cloud.wanted_of(etag=before)
    assert [h["port_id"] for h in between["held"]] == [port["id"]]
    again = cloud.wanted_of(etag=between["etag"])
    assert (again["members"], len(again["held"])) == (None, 1), "read, and the same"
    assert len(kept_on(cloud)) == 1

    made_older(cloud, port["id"], REBINDING_S + 1)
    assert cloud.wanted_of(etag=again["etag"])["members"] == []
    assert (kept_on(cloud), kept_of(cloud)) == ([], [])


def test_a_port_that_stays_unbound_keeps_it_for_the_stated_time_however_often_it_is_asked_for(
    cloud: Any,
) -> None:
    cloud.agent()
    port = active_port(cloud)
    left_unbound(cloud, port)

    made_older(cloud, port["id"], REBINDING_S - 2)
    assert len(kept_on(cloud)) == len(kept_of(cloud)) == 1
    made_older(cloud, port["id"], REBINDING_S)
    assert (kept_on(cloud), kept_of(cloud)) == ([], [])
    cloud.agent()
    assert (kept_on(cloud), kept_of(cloud)) == ([], [])


def test_a_port_that_is_really_unbound_keeps_nothing_and_the_host_is_told(cloud: Any) -> None:
    """As nova unbinds: without a host."""
    cloud.agent()
    port = active_port(cloud)

    cloud.update(port["id"], host="", pci=None, device_id="", device_owner="")

    assert (kept_on(cloud), kept_of(cloud)) == ([], [])
    assert cloud.hints.hosts == [(NODE, port["id"])]
    assert cloud.hints.fabrics == [FABRIC]


@pytest.mark.parametrize("how", ["deleted", "unbound", "given another VF", "switched off"])
def test_what_becomes_of_it_otherwise_is_told(cloud: Any, how: str) -> None:
    cloud.agent()
    port = active_port(cloud)
    left_unbound(cloud, port)
    assert cloud.hints.hosts == []

    if how == "deleted":
        cloud.delete(port["id"])
    elif how == "unbound":
        cloud.update(port["id"], host="", pci=None)
    elif how == "given another VF":
        cloud.update(port["id"], pci=VF2)
    else:
        with between_the_commits(die), pytest.raises(Exception, match="500"):
            cloud.update(port["id"], admin_state_up=False)

    assert (NODE, port["id"]) in cloud.hints.hosts
    assert FABRIC in cloud.hints.fabrics
    assert kept_on(cloud) == []


def test_a_binding_that_fails_is_told(cloud: Any) -> None:
    cloud.agent()
    port = active_port(cloud)
    cloud.bury(NODE)

    cloud.update(port["id"], **{"binding:profile": NOTE})

    assert cloud.show(port["id"])["binding:vif_type"] == "binding_failed"
    assert cloud.hints.hosts == [(NODE, port["id"])]
    assert (kept_on(cloud), kept_of(cloud)) == ([], [])


def test_an_ethernet_port_wakes_nobody(cloud: Any) -> None:
    cloud.ethernet_agent("node009", "ethernet")
    network = cloud.network(7, physical_network="ethernet")
    port = cloud.port(network, "node009", pci=VF1)
    cloud.update(port["id"], **{"binding:profile": NOTE})
    cloud.delete(port["id"])

    assert (cloud.hints.hosts, cloud.hints.fabrics) == ([], [])


def test_a_port_is_told_with_its_instance(cloud: Any) -> None:
    cloud.agent()
    port = active_port(cloud, device_id="6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10")

    assert [p["device_id"] for p in cloud.wanted_on()["ports"]] == [port["device_id"]]


def test_clocks_of_controllers_may_differ_a_little() -> None:
    now = timeutils.utcnow()
    ages = (-REBINDING_S - 1, -1, 0, REBINDING_S - 1, REBINDING_S)
    found = [is_rebinding(now - timedelta(seconds=age), now) for age in ages]

    assert found == [False, True, True, True, False]
    assert not is_rebinding(None, now)
