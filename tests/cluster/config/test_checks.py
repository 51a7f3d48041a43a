# SPDX-License-Identifier: Apache-2.0
"""What `validate` finds, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

import pytest

from cluster.article import starting_state
from ibstack.cluster.config.checks import problems, problems_of
from ibstack.cluster.model.edits import add, clone, remove, set_value
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.state import Draft

HEAD = EntityPath.of("device", "headnode")
NODE = EntityPath.of("device", "node002")
COMPUTE = EntityPath.of("category", "openstack-compute-hosts")
IMAGE = EntityPath.of("softwareimage", "openstack-image")
NETWORK = EntityPath.of("network", "internalnet")
VLANS = EntityPath.of("network", "vlanhostnet")
FABRIC = EntityPath.of("fabric", "ibhostnet")
BASE = EntityPath.of("partition", "base")
BOOTIF = NODE.inside("interfaces", "BOOTIF")
ROLE = HEAD.inside("roles", "openstacknode")


@pytest.fixture
def draft() -> Draft:
    return Draft(starting_state())


def found(draft: Draft, path: EntityPath) -> list[tuple[str, str, bool]]:
    return [(each.field, each.message, each.is_error) for each in problems(draft, path)]


def test_nothing_is_wrong_with_the_articles_cluster() -> None:
    state = starting_state()

    assert problems_of(state, [entity.path for entity in state]) == ()


CASES = [
    (COMPUTE, {"softwareimage": ""}, "Software image", "it is not set; nodes are installed"),
    (COMPUTE, {"disksetup": "<disk"}, "Disk setup", "it is not XML: unclosed token"),
    (COMPUTE, {"disksetup": "<!DOCTYPE a><a/>"}, "Disk setup", "no document type"),
    (COMPUTE, {"frozenfiles": "etc/a"}, "Frozen files", "'etc/a' begins neither with / nor"),
    (COMPUTE, {"frozenfiles": "|(a"}, "Frozen files", "'|(a' is not a regular expression"),
    (
        COMPUTE,
        {"excludelistsyncinstall": "- /a\nP /data"},
        "Exclude list sync install",
        "line 2, 'P /data",
    ),
    (
        NODE,
        {"excludelistfullinstall": "/data # x"},
        "Exclude list full install",
        "a comment stands",
    ),
    (NODE, {"excludelistgrab": "!"}, "Exclude list grab", "! is a rule of rsync's filters"),
    (IMAGE, {"path": "images"}, "Path", "'images' is not an absolute path of plain names"),
    (IMAGE, {"path": "/cm/../etc"}, "Path", "is not an absolute path of plain names"),
    (IMAGE, {"path": "/cm/images/virtual-node-image"}, "Path", "softwareimage virtual-node-ima"),
    (NODE, {"category": ""}, "Category", "it is not set; a node is in one"),
    (NODE, {"ip": "10.142.0.1"}, "IP", "10.142.0.1 is not in internalnet, 10.141.0.0/16"),
    (NODE, {"ip": "10.141.0.0"}, "IP", "10.141.0.0 is no host's address in 10.141.0.0/16"),
    (NODE, {"ip": "10.141.0.3"}, "IP", "device node003 has 10.141.0.3 too"),
    (NODE, {"mac": "52:54:00:00:00:03"}, "MAC", "device node003 has 52:54:00:00:00:03 too"),
    (BOOTIF, {"ip": "10.141.0.3"}, "IP", "device node003 has 10.141.0.3 too"),
    (NETWORK, {"baseaddress": "10.141.1.0"}, "Base address", "begins at 10.141.0.0"),
    (NETWORK, {"broadcastaddress": "10.141.0.255"}, "Broadcast address", "is 10.141.255.255"),
    (NETWORK, {"gateway": "10.1.0.1"}, "Gateway", "10.1.0.1 is not in 10.141.0.0/16"),
    (NETWORK, {"dynamicrangeend": "10.1.0.1"}, "Dynamic range end", "is not in 10.141.0.0/16"),
    (NETWORK, {"dynamicrangeend": "10.141.1.1"}, "Dynamic range end", "is before the start, 10.1"),
    (NETWORK, {"dynamicrangeend": ""}, "Dynamic range end", "set both ends, or neither"),
    (VLANS, {"openstackvlanrange": "1-10"}, "OpenStack VLAN Range", "expected first:last, as 1:1"),
    (VLANS, {"openstackvlanrange": "10:1"}, "OpenStack VLAN Range", "the first is after the las"),
    (VLANS, {"openstackvlanrange": "1:4095"}, "OpenStack VLAN Range", "numbers from 1 to 4094"),
    (FABRIC, {"keyrange": "0:10"}, "Key range", "expected numbers from 1 to 32766"),
    (FABRIC, {"keyrange": "1:32767"}, "Key range", "expected numbers from 1 to 32766"),
    (BASE, {"headnode": "node001"}, "Head node", "node001 is a PhysicalNode, not a HeadNode"),
    (ROLE, {"configfilemodifications": "/a[b]c"}, "Config file modifications", "expected - or +"),
    (ROLE, {"configfilemodifications": "+/a[b]c"}, "Config file modifications", "expected = and"),
]


@pytest.mark.parametrize(("path", "values", "field", "said"), CASES)
def test_errors_are_found(
    draft: Draft, path: EntityPath, values: dict[str, str], field: str, said: str
) -> None:
    for name, text in values.items():
        set_value(draft, path, name, [text])

    errors = [(field, message) for field, message, is_error in found(draft, path) if is_error]

    assert [each for each, _ in errors] == [field]
    assert said in errors[0][1]


WARNINGS = [
    (NODE, {"network": ""}, "Network", "the network of 10.141.0.2 is not set"),
    (NODE, {"provisioninginterface": "eth9"}, "Provisioning interface", "there is no interface e"),
    (BOOTIF, {"dhcp": "yes"}, "DHCP", "it has an address, and asks for one"),
    (VLANS, {"openstackvlanid": "30"}, "OpenStack VLAN ID", "30 is not in the range 11:20"),
    (FABRIC, {"subnetmanagers": ""}, "Subnet managers", "nothing manages it"),
    (COMPUTE.inside("roles", "openstacknode"), {"merge": "keys"}, "Merge", "has none to add"),
]


@pytest.mark.parametrize(("path", "values", "field", "said"), WARNINGS)
def test_what_may_be_meant_is_a_warning(
    draft: Draft, path: EntityPath, values: dict[str, str], field: str, said: str
) -> None:
    for name, text in values.items():
        set_value(draft, path, name, [text])

    ((name, message, is_error),) = found(draft, path)

    assert (name, is_error) == (field, False)
    assert said in message


INTERFACES = [
    ("bond0", "bond", {"interfaces": "eth9"}, "Interfaces", "there is no interface eth9"),
    ("bond0", "bond", {"interfaces": "bond0"}, "Interfaces", "it cannot be made of itself"),
    ("vlan5", "vlan", {}, "Network device name", "expected one as eth0.1 for vlan"),
    ("eth9.5", "vlan", {}, "Network device name", "there is no interface eth9"),
    ("BOOTIF.5", "vlan", {"vlanid": "6"}, "VLAN ID", "6 is not that of the name, 5"),
    ("eth9:1", "alias", {}, "Network device name", "there is no interface eth9"),
    ("BOOTIF:1", "alias", {}, "", ""),
    ("BOOTIF.5", "vlan", {"vlanid": "5"}, "", ""),
    ("bond0", "bond", {"interfaces": "BOOTIF"}, "", ""),
]


@pytest.mark.parametrize(("name", "type_", "values", "field", "said"), INTERFACES)
def test_interfaces_on_top_of_others_are_looked_at(
    draft: Draft, name: str, type_: str, values: dict[str, str], field: str, said: str
) -> None:
    path = add(draft, "interfaces", name, NODE, type_)
    for prop, text in values.items():
        set_value(draft, path, prop, [text])

    messages = found(draft, path)

    assert [each for each, _, _ in messages] == ([field] if field else [])
    assert all(said in message for _, message, _ in messages)


def test_an_interface_is_in_one_bond(draft: Draft) -> None:
    for name in ("bond0", "bond1"):
        set_value(draft, add(draft, "interfaces", name, NODE, "bond"), "interfaces", ["BOOTIF"])

    assert found(draft, NODE.inside("interfaces", "bond1")) == [
        ("Interfaces", "BOOTIF is in bond0 already", True)
    ]


def test_a_role_that_needs_a_fabric_says_so(draft: Draft) -> None:
    path = add(draft, "roles", "infinibandhost", NODE)

    assert [(each[0], each[2]) for each in found(draft, path)] == [("Fabric", False)]


def test_a_reference_to_what_is_not_there_is_found(draft: Draft) -> None:
    draft.put(Entity(NODE, "PhysicalNode", {"category": "gone"}))

    assert found(draft, NODE) == [("Category", "there is no category gone", True)]


def test_what_no_command_would_have_made_is_found(draft: Draft) -> None:
    draft.put(Entity(EntityPath.of("device", "a_b"), "Toaster", {"heat": 7}))
    draft.put(Entity(EntityPath.of("partition", "other")))

    assert found(draft, EntityPath.of("device", "a_b")) == [
        ("Hostname", "'a_b' is not the name of a host", True),
        ("Type", "expected one of HeadNode, PhysicalNode, VirtualNode", True),
        ("heat", "there is no such property of this object", True),
    ]
    assert found(draft, EntityPath.of("partition", "other")) == [
        ("Name", "expected one of base", True)
    ]


def test_a_removed_object_that_is_used_is_a_problem_of_its_user(draft: Draft) -> None:
    category = clone(draft, COMPUTE, "new")
    remove(draft, category)
    draft.put(Entity(NODE, "PhysicalNode", {"category": "new"}))

    (problem,) = problems(draft, category)

    assert str(problem) == "device node002: Category: there is no category new"


def test_who_uses_an_object_is_named_with_the_place(draft: Draft) -> None:
    assert [(use.type, use.name, use.parameter) for use in used_by(draft, COMPUTE)] == [
        ("Device", "node002", "category"),
        ("Device", "node003", "category"),
        ("Partition", "base", "defaultcategory"),
    ]
    assert used_by(draft, NODE) == ()
    assert [str(use) for use in used_by(draft.base, HEAD)] == [
        "fabric ibhostnet (subnetmanagers)",
        "partition base (headnode)",
    ]


def test_an_address_is_compared_when_it_is_new_or_somebody_asks(draft: Draft) -> None:
    set_value(draft, NODE, "ip", ["10.141.0.3"])
    committed = Draft(draft.base.with_changes(draft.changes(), 2))
    assert [message for _, message, _ in found(committed, NODE)] == [
        "device node003 has 10.141.0.3 too"
    ]

    set_value(committed, NODE, "revision", ["a"])

    assert found(committed, NODE) == []
