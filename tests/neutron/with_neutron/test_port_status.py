# SPDX-License-Identifier: Apache-2.0
"""A port's way to ACTIVE: what the agents report, in every order, and what becomes of it."""

import itertools
from typing import Any

import pytest

NODE, OTHER_NODE = "node003", "node004"
VF1, VF2 = "0000:05:00.1", "0000:05:00.2"


def both(cloud: Any) -> None:
    cloud.agent()
    cloud.fabricd()


def created_bound(cloud: Any) -> str:
    return str(cloud.port(cloud.network(), NODE, pci=VF1)["id"])


def nova_order(cloud: Any) -> str:
    port = cloud.port(cloud.network())
    cloud.update(port["id"], host=NODE, pci=VF1, device_owner="compute:nova")
    return str(port["id"])


@pytest.mark.parametrize("make", [created_bound, nova_order])
@pytest.mark.parametrize("order", list(itertools.permutations(["ready", "in_force"])))
def test_it_takes_host_and_fabric_in_any_order(
    cloud: Any, make: Any, order: tuple[str, str]
) -> None:
    both(cloud)
    port_id = make(cloud)

    getattr(cloud, order[0])(port_id)
    assert cloud.status(port_id) == "DOWN"
    getattr(cloud, order[1])(port_id)
    assert cloud.status(port_id) == "ACTIVE"


def test_without_a_fabricd_the_host_is_enough(cloud: Any) -> None:
    cloud.agent()
    port_id = created_bound(cloud)

    cloud.ready(port_id)

    assert cloud.status(port_id) == "ACTIVE"


@pytest.mark.parametrize(
    "arrange",
    [
        lambda cloud: (cloud.fabricd(), cloud.bury("head", "InfiniBand partition agent")),
        lambda cloud: cloud.fabricd(physical_network="ibstorage"),
    ],
    ids=["dead", "of another fabric"],
)
def test_a_fabricd_that_does_not_serve_is_not_waited_for(cloud: Any, arrange: Any) -> None:
    cloud.agent()
    arrange(cloud)
    port_id = created_bound(cloud)

    cloud.ready(port_id)

    assert cloud.status(port_id) == "ACTIVE"


def test_a_flat_network_needs_the_host_alone(cloud: Any) -> None:
    both(cloud)
    port_id = cloud.port(cloud.network(None, kind="flat"), NODE, pci=VF1)["id"]

    cloud.ready(port_id)

    assert cloud.status(port_id) == "ACTIVE"


def test_reports_may_be_repeated(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)

    for _ in range(3):
        assert cloud.ready(port_id) == []
        assert cloud.in_force(port_id) == []

    assert cloud.status(port_id) == "ACTIVE"


def test_unplugged_is_down_until_it_is_ready_again(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)

    cloud.gone(port_id)
    assert cloud.status(port_id) == "DOWN"
    cloud.in_force(port_id)
    assert cloud.status(port_id) == "DOWN", "the fabric alone does not make it ACTIVE"
    cloud.ready(port_id)
    assert cloud.status(port_id) == "ACTIVE"


def test_gone_before_the_fabric_has_it_takes_ready_back(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.gone(port_id)

    cloud.in_force(port_id)
    assert cloud.status(port_id) == "DOWN"
    cloud.ready(port_id)
    assert cloud.status(port_id) == "ACTIVE"


def test_a_port_that_something_else_set_down_is_asserted_again(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)
    # As ML2/OVN does when a gateway fails over.
    cloud.plugin.update_port_status(cloud.fresh(), port_id, "DOWN", NODE)
    assert cloud.status(port_id) == "DOWN"

    cloud.ready(port_id)

    assert cloud.status(port_id) == "ACTIVE"


def test_another_vf_of_the_same_host_needs_both_again(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)

    cloud.update(port_id, pci=VF2)

    assert cloud.status(port_id) == "DOWN"
    assert cloud.blocks(port_id) == {"IB_HOST", "IB_FABRIC"}
    cloud.ready(port_id)
    cloud.in_force(port_id)
    assert cloud.status(port_id) == "ACTIVE"


def test_another_host_needs_both_again_and_the_old_one_is_not_asked(cloud: Any) -> None:
    both(cloud)
    cloud.agent(OTHER_NODE)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)

    cloud.update(port_id, host=OTHER_NODE)

    assert cloud.ready(port_id, host=NODE) == [port_id]
    cloud.gone(port_id, host=NODE)
    cloud.in_force(port_id)
    assert cloud.status(port_id) == "DOWN"
    cloud.ready(port_id, host=OTHER_NODE)
    assert cloud.status(port_id) == "ACTIVE"


def test_switched_off_and_on_again_it_needs_both(cloud: Any) -> None:
    both(cloud)
    port_id = created_bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)
    cloud.update(port_id, admin_state_up=False)
    cloud.gone(port_id)

    cloud.update(port_id, admin_state_up=True)

    assert cloud.blocks(port_id) == {"IB_HOST", "IB_FABRIC"}
    cloud.in_force(port_id)
    cloud.ready(port_id)
    assert cloud.status(port_id) == "ACTIVE"


def test_what_neutron_does_not_know_is_named_and_the_rest_is_done(cloud: Any) -> None:
    cloud.agent()
    port_id = created_bound(cloud)
    unknown = "00000000-0000-0000-0000-000000000000"

    assert cloud.ready(port_id, unknown) == [unknown]
    assert cloud.gone(unknown) == [unknown]
    assert cloud.in_force(port_id, unknown) == [unknown]
    assert cloud.status(port_id) == "ACTIVE"


@pytest.mark.parametrize("said", ["ready", "failed"])
def test_a_report_of_another_hosts_port_changes_nothing_and_is_told(
    cloud: Any, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    both(cloud)
    cloud.agent(OTHER_NODE)
    port_id = created_bound(cloud)
    unbound = cloud.port(cloud.network(2))["id"]

    assert getattr(cloud, said)(port_id, unbound, host=OTHER_NODE) == sorted([port_id, unbound])

    assert (cloud.status(port_id), cloud.blocks(port_id)) == ("DOWN", {"IB_HOST", "IB_FABRIC"})
    (told,) = [
        one.getMessage() for one in caplog.records if one.name == "ibstack.neutron.server.rpc"
    ]
    assert f"host {OTHER_NODE!r} reports the state of 1 ports that are not bound to it" in told
    assert f"{port_id} (of host {NODE!r})" in told


def test_who_had_a_port_before_may_say_that_it_is_gone(
    cloud: Any, caplog: pytest.LogCaptureFixture
) -> None:
    both(cloud)
    port_id = created_bound(cloud)

    assert cloud.gone(port_id, host=OTHER_NODE) == [port_id]

    assert not [one for one in caplog.records if one.name == "ibstack.neutron.server.rpc"]


def test_a_deleted_port_is_unknown(cloud: Any) -> None:
    cloud.agent()
    port_id = created_bound(cloud)
    cloud.delete(port_id)

    assert cloud.ready(port_id) == [port_id]
    assert cloud.gone(port_id) == [port_id]


class NovaNotifier:
    """Where Neutron tells nova that a VIF is plugged."""

    def __init__(self) -> None:
        self.plugged: list[str] = []

    def notify_port_active_direct(self, port: Any) -> None:
        self.plugged.append(port.id)


def test_the_destination_of_a_live_migration_is_announced_to_nova_and_activated(
    cloud: Any,
) -> None:
    both(cloud)
    cloud.agent(OTHER_NODE)
    port_id = nova_order(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)
    nova = cloud.nova(NovaNotifier())
    cloud.bind_elsewhere(port_id, OTHER_NODE, VF2)

    assert cloud.ready(port_id, host=OTHER_NODE) == []
    assert nova.plugged == [port_id]
    assert cloud.status(port_id) == "ACTIVE", "the source still runs"

    cloud.activate(port_id, OTHER_NODE)
    cloud.ready(port_id, host=OTHER_NODE)
    cloud.in_force(port_id)
    assert cloud.status(port_id) == "ACTIVE"
    assert cloud.gone(port_id, host=NODE) in ([], [port_id])
    assert cloud.status(port_id) == "ACTIVE", "the source has no say any more"


def test_a_plug_that_was_refused_is_an_error_until_another_one_is_done(cloud: Any) -> None:
    """Neutron tells nova of DOWN to ERROR that the plug has failed (neutron/notifiers/nova.py)."""
    cloud.agent()
    port_id = created_bound(cloud)

    cloud.failed(port_id)
    assert cloud.status(port_id) == "ERROR"
    cloud.failed(port_id)
    cloud.ready(port_id)

    assert cloud.status(port_id) == "ACTIVE"
    assert cloud.failed("no-such-port") == ["no-such-port"]
    assert cloud.failed(port_id, host=OTHER_NODE) == [port_id]
