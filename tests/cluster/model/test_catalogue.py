# SPDX-License-Identifier: Apache-2.0
"""The kinds, as tables: names that are unique, defaults that their types take, a page on all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.model.reference_page import BEGIN, PAGE, tables
from ibstack.cluster.model.catalogue import KINDS, kinds_inside, top_kinds
from ibstack.cluster.model.value import NO_ADDRESS, NO_MAC, Reference, References

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind, Property

COMMON = ("fsmounts", "fsexports", "staticroutes", "bmcsettings")
ALL = [(kind, each) for kind in KINDS.values() for each in kind.properties]

# The rows that the article prints of its network, in its order.
NETWORK_ROWS = """\
OpenStack Host network
OpenStack Physical network name
OpenStack VLAN ID
OpenStack VLAN Range
OpenStack alloc pool end
OpenStack alloc pool start
OpenStack network
OpenStack network is shared
OpenStack network type
Revision
Base address
Broadcast address
Domain Name
Dynamic range start
Dynamic range end
Gateway
IPv6
Lock down dhcpd
MTU
Management allowed
Netmask bits
Node booting
Notes
Type
name
EC2AvailabilityZone
EC2SubnetID
Private Cloud
""".splitlines()


def spelled(value: object) -> str:
    kind, property_ = value if isinstance(value, tuple) else (value, value)
    return f"{getattr(kind, 'name', kind)}.{getattr(property_, 'name', property_)}"


def test_a_network_has_the_rows_of_the_article() -> None:
    assert [each.label for each in KINDS["network"].properties] == NETWORK_ROWS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_names_and_aliases_are_one_propertys(kind: Kind) -> None:
    names = [name for each in kind.properties for name in (each.name, *each.aliases)]

    assert len(names) == len(set(names))
    assert all(kind.find(name.upper()) is kind.find(name) is not None for name in names)
    assert kind.single or kind.find("".join(kind.key.split()))
    assert all(each.help.endswith(".") for each in kind.properties)


@pytest.mark.parametrize(("kind", "property_"), ALL, ids=spelled)
def test_a_default_is_a_value_of_its_type(kind: Kind, property_: Property) -> None:
    type_, default = property_.type, property_.default
    if default in ("", (), NO_ADDRESS, NO_MAC):
        return

    assert type_.parse([type_.show(default)]) == default


@pytest.mark.parametrize(("kind", "property_"), ALL, ids=spelled)
def test_references_and_types_are_of_what_there_is(kind: Kind, property_: Property) -> None:
    if isinstance(property_.type, Reference | References):
        assert not KINDS[property_.type.kind].inside
    assert property_.types <= set(kind.types)


def test_a_device_can_be_set_what_its_category_can() -> None:
    own = {"name", "newnodeinstallmode"}
    device = {each.name for each in KINDS["device"].properties}

    assert {each.name for each in KINDS["category"].properties} - device == own


def test_submodes_depend_on_the_type_of_a_device() -> None:
    assert [kind.name for kind in kinds_inside("device", "PhysicalNode")] == [
        "roles",
        "services",
        "interfaces",
        *COMMON,
    ]
    assert "virtualnodesettings" in [kind.name for kind in kinds_inside("device", "VirtualNode")]
    assert [kind.name for kind in kinds_inside("category")] == ["roles", "services", *COMMON]
    assert all(not kind.inside for kind in top_kinds())


def test_the_reference_page_has_every_kind_and_property() -> None:
    written = PAGE.read_text().partition(BEGIN)[2].splitlines()

    missing = [line for line in tables() if line not in written]
    outdated = [line for line in written if line not in tables()]

    again = "run PYTHONPATH=tests python -m cluster.model.reference_page"
    assert not missing, again
    assert not outdated, again
