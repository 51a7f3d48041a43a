# SPDX-License-Identifier: Apache-2.0
"""What a person does to objects, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.article import starting_state
from cluster.model.random_clusters import NAMES, edited
from ibstack.cluster.model.catalogue import top_kinds
from ibstack.cluster.model.edits import (
    add,
    append_values,
    clear_value,
    clone,
    remove,
    remove_values,
    rename,
    set_value,
    swap,
)
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.state import Draft
from ibstack.fabric.errors import BadInput, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = EntityPath.of("device", "headnode")
NODE = EntityPath.of("device", "node002")
VNODE = EntityPath.of("device", "vnode001")
COMPUTE = EntityPath.of("category", "openstack-compute-hosts")
IMAGE = EntityPath.of("softwareimage", "openstack-image")
NETWORK = EntityPath.of("network", "internalnet")
FABRIC = EntityPath.of("fabric", "ibhostnet")
BASE = EntityPath.of("partition", "base")


@pytest.fixture
def draft() -> Draft:
    return Draft(starting_state())


def value(draft: Draft, path: EntityPath, name: str) -> object:
    entity = draft.get(path)
    assert entity is not None
    return entity.values.get(name)


class TestAdd:
    def test_a_node_gets_the_default_category(self, draft: Draft) -> None:
        path = add(draft, "device", "node004", type_="physicalnode")

        assert draft.get(path) == Entity(
            path, "PhysicalNode", {"category": "openstack-compute-hosts"}
        )

    def test_a_virtual_node_comes_with_its_settings(self, draft: Draft) -> None:
        path = add(draft, "device", "vnode013", type_="VIRTUALNODE")

        assert draft.names("virtualnodesettings", path) == ["settings"]
        assert draft.names("virtualnodesettings", NODE) == []

    def test_a_role_may_be_spelled_in_any_case(self, draft: Draft) -> None:
        path = add(draft, "roles", "OpenStackNode", NODE)

        assert draft.get(path) == Entity(NODE.inside("roles", "openstacknode"), "openstacknode")

    @pytest.mark.parametrize(
        ("kind", "name", "parent", "type_", "said"),
        [
            ("category", "", None, "", "cannot add category : it has no name"),
            ("category", "a/b", None, "", "'a/b' has signs other than letters"),
            ("category", "a b", None, "", "'a b' has signs other than letters"),
            ("category", "-a", None, "", "'-a' has signs other than letters"),
            ("category", COMPUTE.name, None, "", "there is a category openstack-compute-hosts al"),
            ("device", "node_4", None, "physicalnode", "'node_4' is not the name of a host"),
            ("device", "master", None, "physicalnode", "'master' stands for the active head"),
            ("device", "node004", None, "", "its type is missing; give one of headnode, physical"),
            ("device", "node004", None, "physicalnod", "no type 'physicalnod'; did you mean physi"),
            ("device", "node004", None, "switch", "it can be headnode, physicalnode, virtualnode"),
            ("roles", "openstacknod", NODE, "", "did you mean openstacknode"),
            ("roles", "mail", NODE, "", "it can be openstacknode, openstacknetwork"),
            ("roles", "openstacknode", None, "", "it is part of a category or a device"),
            ("roles", "openstacknode", HEAD, "", "there is a role openstacknode of device headn"),
            ("roles", "openstacknode", NETWORK, "", "a network has no roles"),
            (
                "services",
                "ntpd",
                EntityPath.of("device", "nobody"),
                "",
                "there is no device nobody",
            ),
            ("interfaces", "ib0", COMPUTE, "physical", "a category has no interfaces"),
            ("virtualnodesettings", "settings", NODE, "", "it comes and goes with its device"),
            ("partition", "other", None, "", "there is no partition of that name; it can be base"),
        ],
    )
    def test_refuses(
        self, draft: Draft, kind: str, name: str, parent: EntityPath | None, type_: str, said: str
    ) -> None:
        with pytest.raises(BadInput) as caught:
            add(draft, kind, name, parent, type_)

        assert str(caught.value).startswith("cannot add ")
        assert said in str(caught.value)
        assert draft.changes() == ()


class TestClone:
    def test_takes_along_all_that_is_inside(self, draft: Draft) -> None:
        path = clone(draft, COMPUTE, "openstack-compute-hosts-mellanox")

        assert value(draft, path, "softwareimage") == "openstack-image"
        assert draft.names("services", path) == draft.names("services", COMPUTE)
        assert value(draft, path.inside("roles", "openstacknode"), "l2agent") == "linuxbridge"

    def test_of_an_image_has_a_tree_of_its_own(self, draft: Draft) -> None:
        path = clone(draft, IMAGE, "openstack-image-mellanox")

        assert value(draft, path, "path") is None
        assert value(draft, path, "kernelparameters") == value(draft, IMAGE, "kernelparameters")

    def test_of_a_device_has_an_address_as_far_off_as_its_name(self, draft: Draft) -> None:
        path = clone(draft, NODE, "node022")

        assert value(draft, path, "ip") == "10.141.0.22"
        assert value(draft, path.inside("interfaces", "BOOTIF"), "ip") == "10.141.0.22"
        assert value(draft, path, "mac") is None

    def test_takes_the_next_address_where_that_one_is_not_free(self, draft: Draft) -> None:
        assert value(draft, clone(draft, NODE, "other"), "ip") == "10.141.0.4"
        assert value(draft, clone(draft, NODE, "node004"), "ip") == "10.141.0.5"
        assert value(draft, clone(draft, NODE, "node5"), "ip") == "10.141.0.6"

    def test_keeps_out_of_the_dynamic_range(self, draft: Draft) -> None:
        set_value(draft, NETWORK, "dynamicrangestart", ["10.141.0.4"])
        set_value(draft, NETWORK, "dynamicrangeend", ["10.141.0.9"])

        assert value(draft, clone(draft, NODE, "node004"), "ip") == "10.141.0.10"

    def test_has_no_address_where_none_is_free(self, draft: Draft) -> None:
        set_value(draft, NETWORK, "netmaskbits", ["30"])

        assert value(draft, clone(draft, NODE, "node004"), "ip") is None

    def test_of_a_virtual_node_is_no_instance_yet(self, draft: Draft) -> None:
        set_value(draft, VNODE.inside("virtualnodesettings", "settings"), "instanceid", ["abc"])

        path = clone(draft, VNODE, "vnode013")

        assert value(draft, path.inside("virtualnodesettings", "settings"), "instanceid") is None

    def test_of_an_object_that_is_not_committed_is_one_too(self, draft: Draft) -> None:
        first = clone(draft, COMPUTE, "one")
        second = clone(draft, first, "two")

        assert draft.names("roles", second) == ["openstacknode"]

    @pytest.mark.parametrize(
        ("source", "name", "said"),
        [
            (EntityPath.of("category", "nothing"), "x", "there is no such category"),
            (COMPUTE, "virtual-nodes", "to virtual-nodes: there is a category virtual-nodes alre"),
            (COMPUTE, "a b", "cannot clone category openstack-compute-hosts to a b: 'a b' has"),
            (BASE, "other", "cannot clone partition base: there is only one"),
            (HEAD.inside("roles", "openstacknode"), "x", "there is only one"),
        ],
    )
    def test_refuses(self, draft: Draft, source: EntityPath, name: str, said: str) -> None:
        with pytest.raises(BadInput, match=said):
            clone(draft, source, name)


class TestRemove:
    def test_of_what_is_used_is_refused_and_says_by_whom(self, draft: Draft) -> None:
        with pytest.raises(Refused) as caught:
            remove(draft, NETWORK)

        assert str(caught.value) == (
            "cannot remove network internalnet: it is used by device headnode (network),"
            " device headnode (interfaces[eth0]->network), device node001 (network)"
            " and 32 more; change those"
        )
        assert draft.changes() == ()

    def test_is_possible_when_the_last_user_has_gone(self, draft: Draft) -> None:
        image = EntityPath.of("softwareimage", "virtual-node-image")
        set_value(draft, EntityPath.of("category", "virtual-nodes"), "softwareimage", [IMAGE.name])

        assert used_by(draft, image) == ()
        remove(draft, image)
        assert draft.get(image) is None

    def test_is_refused_when_an_edit_uses_it(self, draft: Draft) -> None:
        category = clone(draft, COMPUTE, "new")
        remove(draft, category)
        category = clone(draft, COMPUTE, "new")
        set_value(draft, NODE, "category", ["new"])

        with pytest.raises(Refused, match=r"it is used by device node002 \(category\); change"):
            remove(draft, category)

    def test_of_a_member_of_a_bond_is_refused(self, draft: Draft) -> None:
        bond = add(draft, "interfaces", "bond0", NODE, "bond")
        set_value(draft, bond, "interfaces", ["BOOTIF"])

        with pytest.raises(Refused, match=r"device node002 \(interfaces\[bond0\]->interfaces\)"):
            remove(draft, NODE.inside("interfaces", "BOOTIF"))

    @pytest.mark.parametrize("path", [BASE, VNODE.inside("virtualnodesettings", "settings")])
    def test_of_what_belongs_to_the_cluster_is_refused(
        self, draft: Draft, path: EntityPath
    ) -> None:
        with pytest.raises(Refused, match="it is part of the cluster; use clear"):
            remove(draft, path)


class TestSet:
    @pytest.mark.parametrize(
        ("path", "name", "words", "expected"),
        [
            (NODE, "nextinstallmethod", ["nosync"], {"nextinstallmode": "NOSYNC"}),
            (NODE, "MAC", ["52:54:00:AB:CD:EF"], {"mac": "52:54:00:ab:cd:ef"}),
            (NODE, "category", ["VIRTUAL-nodes"], {"category": "virtual-nodes"}),
            (NETWORK, "ipv6", ["On"], {"ipv6": True}),
            (NETWORK, "openstacknetworktype", ["other"], {"openstacknetworktype": "Other"}),
            (
                FABRIC,
                "subnetmanagers",
                ["master", "node001"],
                {"subnetmanagers": ("headnode", "node001")},
            ),
            (
                IMAGE,
                "kernelparameters",
                ["a  b\tpci=x pci=y "],
                {"kernelparameters": "a  b\tpci=x pci=y "},
            ),
        ],
    )
    def test_reads_what_people_type(
        self,
        draft: Draft,
        path: EntityPath,
        name: str,
        words: list[str],
        expected: dict[str, object],
    ) -> None:
        set_value(draft, path, name, words)

        for prop, is_ in expected.items():
            assert value(draft, path, prop) == is_

    @pytest.mark.parametrize(
        ("path", "name", "words", "said"),
        [
            (NETWORK, "mtuu", ["1"], "a network has no property 'mtuu'; did you mean mtu?"),
            (NETWORK, "mtu", ["x"], "cannot set mtu of network internalnet: number 'x': expected"),
            (NETWORK, "mtu", ["9000000"], "expected 68 to 65520"),
            (NETWORK, "gateway", ["10.1"], "IPv4 address '10.1': expected a.b.c.d"),
            (NETWORK, "ipv6", ["maybe"], "expected yes or no"),
            (NETWORK, "domainname", ["a", "b"], "expected one value; put it in quotes"),
            (NETWORK, "name", ["other"], "it is given when the object is made"),
            (NODE, "type", ["headnode"], "it is given when the object is made"),
            (
                NODE,
                "category",
                ["virtual-node"],
                "no category 'virtual-node'; did you mean virtual-n",
            ),
            (NODE, "category", ["q"], "there is no category 'q'"),
            (NODE, "mac", ["1"], "expected six pairs of hex digits"),
            (HEAD, "category", ["virtual-nodes"], "a headnode has no property 'category'"),
            (
                EntityPath.of("device", "node02"),
                "mac",
                ["1"],
                "there is no such device; did you mea",
            ),
        ],
    )
    def test_refuses(
        self, draft: Draft, path: EntityPath, name: str, words: list[str], said: str
    ) -> None:
        with pytest.raises(BadInput) as caught:
            set_value(draft, path, name, words)

        assert str(caught.value).startswith("cannot set ")
        assert said in str(caught.value)
        assert draft.changes() == ()

    @pytest.mark.parametrize(
        ("name", "words"), [("ip", ["0.0.0.0"]), ("mac", ["00:00:00:00:00:00"]), ("notes", [""])]
    )
    def test_to_nothing_clears(self, draft: Draft, name: str, words: list[str]) -> None:
        set_value(draft, NODE, "notes", ["a"])

        set_value(draft, NODE, name, words)

        assert value(draft, NODE, name) is None

    def test_to_what_is_inherited_is_a_setting_of_its_own(self, draft: Draft) -> None:
        set_value(draft, NODE, "installmode", ["auto"])

        assert value(draft, NODE, "installmode") == "AUTO"


class TestLists:
    ROLE = HEAD.inside("roles", "openstacknode")
    PROPERTY = "configfilemodifications"

    def test_grow_and_shrink(self, draft: Draft) -> None:
        set_value(draft, self.ROLE, self.PROPERTY, ["+/a[b]c=d,e", "-/a[b]f"])
        append_values(draft, self.ROLE, self.PROPERTY, ["-/a[b]f", "+/a[b]g=h"])
        remove_values(draft, self.ROLE, self.PROPERTY, ["-/a[b]f"])

        assert value(draft, self.ROLE, self.PROPERTY) == ("+/a[b]c=d,e", "+/a[b]g=h")

        remove_values(draft, self.ROLE, self.PROPERTY, ["+/a[b]c=d,e", "+/a[b]g=h"])
        assert value(draft, self.ROLE, self.PROPERTY) is None
        assert draft.changes() == ()

    def test_begin_with_what_is_inherited(self, draft: Draft) -> None:
        set_value(draft, BASE, "timeservers", ["ntp1"])

        append_values(draft, NODE, "timeservers", ["ntp2"])

        assert value(draft, NODE, "timeservers") == ("ntp1", "ntp2")

    @pytest.mark.parametrize(
        ("action", "name", "word", "said"),
        [
            (append_values, "mac", "x", "cannot append to mac of device node002: it holds one val"),
            (remove_values, "mac", "x", "cannot remove from mac of device node002: it holds one"),
            (remove_values, "timeservers", "ntp", "'ntp' is not in it"),
        ],
    )
    def test_refuse(
        self, draft: Draft, action: Callable[..., None], name: str, word: str, said: str
    ) -> None:
        with pytest.raises(BadInput, match=said):
            action(draft, NODE, name, [word])


class TestRename:
    def test_who_refers_to_it_follows(self, draft: Draft) -> None:
        path = rename(draft, COMPUTE, "compute")

        assert value(draft, NODE, "category") == "compute"
        assert value(draft, BASE, "defaultcategory") == "compute"
        assert draft.names("roles", path) == ["openstacknode"]
        assert draft.get(COMPUTE) is None
        assert draft.names("roles", COMPUTE) == []

    def test_there_and_back_is_no_change(self, draft: Draft) -> None:
        rename(draft, rename(draft, HEAD, "elsewhere"), "headnode")

        assert draft.changes() == ()

    def test_swap_exchanges_all_but_what_is_said(self, draft: Draft) -> None:
        node001 = EntityPath.of("device", "node001")
        was = value(draft, node001, "mac")

        swap(draft, node001, NODE)

        assert value(draft, NODE, "mac") == was
        assert draft.names("services", NODE) == ["opensm"]
        assert draft.names("services", node001) == []

    def test_swap_lets_what_is_inside_follow_once(self, draft: Draft) -> None:
        host = VNODE.inside("virtualnodesettings", "settings")
        set_value(draft, host, "host", ["node002"])

        swap(draft, VNODE, NODE)

        moved = NODE.inside("virtualnodesettings", "settings")
        assert value(draft, moved, "host") == "vnode001"

    def test_swap_of_two_kinds_is_refused(self, draft: Draft) -> None:
        with pytest.raises(BadInput, match="they must be of one kind"):
            swap(draft, NODE, COMPUTE)

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_swap_twice_is_nothing(self, data: st.DataObject) -> None:
        draft = edited(data, most=6)
        before = draft.changes()
        one, other = (data.draw(st.sampled_from(draft.names("device"))) for _ in range(2))

        for _ in range(2):
            swap(draft, EntityPath.of("device", one), EntityPath.of("device", other))

        assert draft.changes() == before


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_remove_undoes_add_and_clone(data: st.DataObject) -> None:
    draft = edited(data, most=6)
    before = draft.changes()
    kinds = [kind.name for kind in top_kinds() if not kind.names]
    kind = data.draw(st.sampled_from(kinds))
    name = "newcomer" if kind == "device" else data.draw(st.sampled_from(["newcomer", *NAMES]))
    if draft.get(EntityPath.of(kind, name)) is not None:
        return

    type_ = "virtualnode" if kind == "device" else ""
    remove(draft, add(draft, kind, name, type_=type_))
    assert draft.changes() == before

    for source in draft.names(kind)[:3]:
        remove(draft, clone(draft, EntityPath.of(kind, source), name))
        assert draft.changes() == before


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_clear_undoes_set_where_nothing_was_set(data: st.DataObject) -> None:
    draft = edited(data, most=6)
    before = draft.changes()
    path = EntityPath.of("device", data.draw(st.sampled_from(draft.names("device"))))
    if value(draft, path, "revision") is not None:
        return

    set_value(draft, path, "revision", ["mine"])
    clear_value(draft, path, "revision")

    assert draft.changes() == before
