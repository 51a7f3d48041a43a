# SPDX-License-Identifier: Apache-2.0
"""Where a plain `network create` lands, by the files alone."""

from __future__ import annotations

from typing import Any

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.neutron.networks.default_network import (
    Outcome,
    TypeOptions,
    network_placements,
    vlan_pools,
)

ARTICLE = ("ibhostnet:1:10", "phyvlanhostnet:11:20")


def where(options: TypeOptions) -> list[tuple[str, str | None, str]]:
    return [
        (e.network_type, e.physical_network, e.outcome.value) for e in network_placements(options)
    ]


def vlan(*ranges: str, types: tuple[str, ...] = ("vlan",), **more: Any) -> TypeOptions:
    return TypeOptions(tenant_types=types, vlan_ranges=ranges, **more)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (TypeOptions(), [("local", None, "first")]),
        (TypeOptions(tenant_types=()), []),
        (
            vlan(*ARTICLE, types=("flat", "vlan")),
            [
                ("flat", None, "never"),
                ("vlan", "ibhostnet", "first"),
                ("vlan", "phyvlanhostnet", "later"),
            ],
        ),
        (
            vlan("z:1:9", "a:1:9", "z:20:29"),
            [("vlan", "z", "first"), ("vlan", "a", "later")],
        ),
        (
            vlan("a:1:9", types=("vxlan", "vlan"), tunnel_ranges={"vxlan": ("1:1000",)}),
            [("vxlan", None, "first"), ("vlan", "a", "later")],
        ),
        (
            vlan("a:1:9", types=("vxlan", "vlan")),
            [("vxlan", None, "never"), ("vlan", "a", "first")],
        ),
        (vlan(types=("vlan",)), [("vlan", None, "never")]),
        (
            vlan("a:1:9", types=("local", "vlan")),
            [("local", None, "first"), ("vlan", "a", "never")],
        ),
        (
            vlan("a:1:9", "b:1:9", service_plugins=("router", "network_segment_range")),
            [("vlan", "a", "not known"), ("vlan", "b", "not known")],
        ),
        (
            vlan("a:1:9", types=("ours", "vlan"), type_drivers=("ours", "vlan")),
            [("ours", None, "not known"), ("vlan", "a", "not known")],
        ),
    ],
)
def test_the_order_of_the_files_decides(
    options: TypeOptions, expected: list[tuple[str, str | None, str]]
) -> None:
    assert where(options) == expected


def test_what_would_make_another_the_first_is_said() -> None:
    options = vlan(*ARTICLE, types=("flat", "vxlan", "vlan"), tunnel_ranges={"vxlan": ("1:9",)})
    by_name = {each.physical_network: each for each in network_placements(options)}

    assert by_name["phyvlanhostnet"].to_make_it_first == (
        "[ml2] tenant_network_types = vlan,flat,vxlan",
        "[ml2_type_vlan] network_vlan_ranges = phyvlanhostnet:11:20,ibhostnet:1:10",
    )


def test_the_settings_that_are_said_do_what_is_said() -> None:
    options = vlan("b:1:9", "a:1:9", "c:1:9")
    for landing in network_placements(options):
        if landing.outcome is Outcome.LATER:
            (setting,) = landing.to_make_it_first
            ranges = setting.partition(" = ")[2].split(",")
            assert network_placements(vlan(*ranges))[0].physical_network == landing.physical_network


def test_what_has_never_a_network_says_no_setting() -> None:
    first, *_ = network_placements(vlan(*ARTICLE, types=("flat", "vlan")))

    assert first.to_make_it_first == ()
    assert "tenants no flat network" in first.why


def test_faults_of_the_ranges_are_named_all_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        vlan_pools(["a:1", ":1:2", "b:0:9", "c:9:1", "d:x:y", "ok:1:2"])

    assert all(fault in str(refused.value) for fault in ("'a:1'", "':1:2'", "'b:0:9'", "'d:x:y'"))
    assert "'ok" not in str(refused.value)


def test_a_type_without_its_driver_is_refused_as_neutron_does() -> None:
    with pytest.raises(BadInput, match="Neutron does not start"):
        network_placements(vlan("a:1:9", type_drivers=("flat",)))


def test_ranges_are_counted_once() -> None:
    whole, twice = vlan_pools(["a", "a:1:5", "b:1:10", "b:5:12"])

    assert (whole.segments, twice.segments) == (4094, 12)
