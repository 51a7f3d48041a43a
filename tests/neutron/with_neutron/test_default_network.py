# SPDX-License-Identifier: Apache-2.0
"""Where a plain `network create` lands: Neutron's own plugin agrees with what the files say."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from neutron.conf import common as neutron_options
from neutron.conf.plugins.ml2.drivers import driver_type
from neutron.tests.unit.plugins.ml2 import test_plugin
from oslo_config import cfg

from ibstack.fabric.ipoib import IpoibMode
from ibstack.neutron.networks.default_network import (
    NetworkPlacement,
    Outcome,
    TypeOptions,
    network_placements,
)
from ibstack.neutron.networks.fabric_mtu import (
    FabricMtu,
    MtuOptions,
    explain_difference,
    network_mtu,
    remedy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IB, ETHERNET = "ibhostnet", "phyvlanhostnet"
ARTICLE = TypeOptions(
    tenant_types=("flat", "vlan", "vxlan"),
    vlan_ranges=(f"{IB}:1:2", f"{ETHERNET}:11:12"),
    tunnel_ranges={"vxlan": ("1:1000",)},
)


class PlainCase(test_plugin.Ml2PluginV2TestCase):
    """Neutron's plugin with an operator's options; a builder, not a test."""

    __test__ = False
    _mechanism_drivers = ("infiniband", "openvswitch")
    types = ARTICLE
    mtus = MtuOptions()

    def setup_parent(self) -> None:
        for (group, name), value in _ini(self.types, self.mtus).items():
            cfg.CONF.set_override(name, value, group=group)
        super().setup_parent()

    def runTest(self) -> None:
        """Nothing: tests are functions."""


class Refused(Exception):
    """Neutron made no network."""


@dataclass
class Tenant:
    """Someone who may only say a name."""

    case: Any

    def create(self) -> dict[str, Any]:
        body = {"network": {"name": "plain"}}
        made = self.case.new_create_request("networks", body).get_response(self.case.api)
        if made.status_int >= 400:
            raise Refused(made.text)
        shown = self.case.new_show_request("networks", made.json["network"]["id"], as_admin=True)
        return dict(shown.get_response(self.case.api).json["network"])

    def lands(self) -> tuple[str, str | None]:
        made = self.create()
        return made["provider:network_type"], made["provider:physical_network"]


@contextmanager
def neutron(types: TypeOptions, mtus: MtuOptions | None = None) -> Iterator[Tenant]:
    case = PlainCase("runTest")
    case.types, case.mtus = types, mtus or MtuOptions()
    neutron_options.register_core_common_config_opts()
    driver_type.register_ml2_drivers_vxlan_opts()
    cfg.CONF.set_override("notify_nova_on_port_status_changes", False)
    case.setUp()
    try:
        yield Tenant(case)
    finally:
        case.tearDown()
        case.doCleanups()


def _ini(types: TypeOptions, mtus: MtuOptions) -> Mapping[tuple[str | None, str], Any]:
    # Neutron 29 calls it by its new name, and knows the old one in files; Neutron 26 does not.
    new = "project_network_types" in cfg.CONF.ml2
    return {
        ("ml2", "type_drivers"): list(types.type_drivers),
        ("ml2", "project_network_types" if new else "tenant_network_types"): list(
            types.tenant_types
        ),
        ("ml2_type_vlan", "network_vlan_ranges"): list(types.vlan_ranges),
        ("ml2_type_vxlan", "vni_ranges"): list(types.tunnel_ranges.get("vxlan", ())),
        (None, "global_physnet_mtu"): mtus.global_physnet_mtu,
        ("ml2", "path_mtu"): mtus.path_mtu,
        ("ml2", "physical_network_mtus"): {
            k: str(v) for k, v in mtus.physical_network_mtus.items()
        },
    }


def first(types: TypeOptions) -> NetworkPlacement:
    return next(each for each in network_placements(types) if each.outcome is Outcome.FIRST)


@pytest.mark.parametrize(
    "types",
    [
        ARTICLE,
        # The alphabet is against both of these.
        replace(ARTICLE, vlan_ranges=(f"{ETHERNET}:11:12", f"{IB}:1:2")),
        replace(ARTICLE, vlan_ranges=("z", "a", "m")),
        replace(ARTICLE, tenant_types=("vxlan", "vlan")),
        replace(ARTICLE, tenant_types=("geneve", "vlan")),
        replace(ARTICLE, tenant_types=("local", "vlan")),
    ],
    ids=lambda types: " ".join([*types.tenant_types, *types.vlan_ranges]),
)
def test_a_plain_network_lands_where_the_files_say(types: TypeOptions) -> None:
    expected = first(types)

    with neutron(types) as tenant:
        for _ in range(2):
            assert tenant.lands() == (expected.network_type, expected.physical_network)


def test_the_places_are_used_up_in_the_order_that_is_said() -> None:
    expected = [
        (each.network_type, each.physical_network)
        for each in network_placements(ARTICLE)
        if each.outcome is not Outcome.NEVER
        for _ in range(each.segments or 1)
    ]

    with neutron(ARTICLE) as tenant:
        assert [tenant.lands() for _ in expected] == expected


def test_a_network_that_lands_nowhere_is_refused() -> None:
    nowhere = replace(ARTICLE, tenant_types=("flat",))
    assert {each.outcome for each in network_placements(nowhere)} == {Outcome.NEVER}

    with (
        neutron(nowhere) as tenant,
        pytest.raises(Refused, match=r"No tenant network is available|NoNetworkAvailable"),
    ):
        tenant.lands()


@pytest.mark.parametrize(
    "mtus",
    [
        MtuOptions(),
        MtuOptions(physical_network_mtus={IB: 2044}),
        MtuOptions(global_physnet_mtu=9000, physical_network_mtus={IB: 2044}),
        MtuOptions(global_physnet_mtu=2044, path_mtu=1400, physical_network_mtus={ETHERNET: 1500}),
        MtuOptions(global_physnet_mtu=0, physical_network_mtus={IB: 4092}),
    ],
)
def test_neutron_gives_the_mtu_that_is_said(mtus: MtuOptions) -> None:
    expected = {
        (each.network_type, each.physical_network): network_mtu(
            mtus, each.network_type, each.physical_network
        )
        for each in network_placements(ARTICLE)
        if each.outcome is not Outcome.NEVER
    }

    with neutron(ARTICLE, mtus) as tenant:
        made = [tenant.create() for _ in range(5)]

    found = {(n["provider:network_type"], n["provider:physical_network"]): n["mtu"] for n in made}
    assert found == expected


def test_the_remedy_gives_the_fabrics_mtu_and_leaves_the_rest() -> None:
    before = MtuOptions()
    fabric = FabricMtu(4096, group_bytes=4096)
    said = explain_difference(before, IB, fabric, others=[ETHERNET])
    settings = remedy(before, IB, 4092, [ETHERNET])
    after = MtuOptions(
        global_physnet_mtu=4092,
        path_mtu=1500,
        physical_network_mtus={IB: 4092, ETHERNET: 1500},
    )

    assert said is not None
    assert all(setting in said for setting in settings)
    assert settings == [
        "[DEFAULT] global_physnet_mtu = 4092",
        "[ml2] path_mtu = 1500",
        f"[ml2] physical_network_mtus = {IB}:4092,{ETHERNET}:1500",
    ]
    assert explain_difference(after, IB, fabric, IpoibMode.DATAGRAM, [ETHERNET]) is None
    with neutron(ARTICLE, before) as tenant:
        former = [tenant.create()["mtu"] for _ in range(5)]
    with neutron(ARTICLE, after) as tenant:
        latter = [tenant.create()["mtu"] for _ in range(5)]
    assert latter[2:] == former[2:]
    assert latter[:2] == [4092, 4092]
