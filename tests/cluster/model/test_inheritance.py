# SPDX-License-Identifier: Apache-2.0
"""What counts for a node, and where it comes from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.article import starting_state
from cluster.model.random_clusters import edited
from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import (
    BASE_SOURCE,
    CATEGORY_PRIORITY,
    DEFAULT,
    NODE_PRIORITY,
    OWN,
    Effective,
    effective,
    effective_roles,
    effective_services,
    effective_values,
    frozen_files,
    kernel_command_line,
    levels,
    modification_key,
    scripts,
)
from ibstack.cluster.model.state import Draft
from ibstack.fabric.errors import BadInput

NODE = EntityPath.of("device", "node002")
CATEGORY = EntityPath.of("category", "openstack-compute-hosts")
IMAGE = EntityPath.of("softwareimage", "openstack-image")
FROM_CATEGORY = "category:openstack-compute-hosts"
FROM_IMAGE = "softwareimage:openstack-image"
CATEGORY_ROLE = CATEGORY.inside("roles", "openstacknode")
NODE_ROLE = NODE.inside("roles", "openstacknode")
MODIFICATIONS = "configfilemodifications"


@pytest.fixture
def draft() -> Draft:
    return Draft(starting_state())


def put(draft: Draft, path: EntityPath, prop: str, *words: str) -> None:
    edits.set_value(draft, path, prop, words)


class TestNearestLevelWins:
    def test_of_node_category_and_image(self, draft: Draft) -> None:
        put(draft, IMAGE, "kernelparameters", "of image")
        assert kernel_command_line(draft, "node002") == Effective("of image", FROM_IMAGE)

        put(draft, CATEGORY, "kernelparameters", "of category")
        assert kernel_command_line(draft, "node002") == Effective("of category", FROM_CATEGORY)

        put(draft, NODE, "kernelparameters", "of node")
        assert kernel_command_line(draft, "node002") == Effective("of node", OWN)

        edits.clear_value(draft, NODE, "kernelparameters")
        edits.clear_value(draft, CATEGORY, "kernelparameters")
        assert kernel_command_line(draft, "node002") == Effective("of image", FROM_IMAGE)

    def test_the_image_is_the_one_that_counts_for_the_node(self, draft: Draft) -> None:
        put(draft, NODE, "softwareimage", "virtual-node-image")

        assert kernel_command_line(draft, "node002") == Effective("", DEFAULT)

    def test_a_category_inherits_from_its_image_and_the_partition(self, draft: Draft) -> None:
        put(draft, EntityPath.of("partition", "base"), "timeservers", "ntp1", "ntp2")

        assert effective(draft, CATEGORY, "kernelparameters").source == FROM_IMAGE
        assert effective(draft, NODE, "timeservers") == Effective(
            ("ntp1", "ntp2"), "partition:base"
        )

    def test_what_nobody_set_is_the_default(self, draft: Draft) -> None:
        assert effective(draft, NODE, "installmode") == Effective("AUTO", DEFAULT)
        assert effective(draft, NODE, "provisioninginterface") == Effective("BOOTIF", DEFAULT)

    def test_a_default_may_follow_from_the_name(self, draft: Draft) -> None:
        path = edits.clone(draft, IMAGE, "other")

        assert effective(draft, path, "path") == Effective("/cm/images/other", DEFAULT)

    def test_name_and_type_are_values_too(self, draft: Draft) -> None:
        assert effective(draft, NODE, "Hostname").value == "node002"
        assert effective(draft, NODE, "type").value == "PhysicalNode"
        assert effective(draft, EntityPath.of("network", "internalnet"), "type").value == "Internal"


class TestProtectiveSwitches:
    @pytest.mark.parametrize(
        ("node", "category", "expected"),
        [
            ("", "", Effective(False, DEFAULT)),
            ("no", "", Effective(False, OWN)),
            ("yes", "no", Effective(True, OWN)),
            ("no", "yes", Effective(True, FROM_CATEGORY)),
            ("", "yes", Effective(True, FROM_CATEGORY)),
            ("", "no", Effective(False, FROM_CATEGORY)),
            ("yes", "yes", Effective(True, OWN)),
        ],
    )
    def test_are_on_where_any_level_has_them_on(
        self, draft: Draft, node: str, category: str, expected: Effective
    ) -> None:
        put(draft, NODE, "datanode", node)
        put(draft, CATEGORY, "datanode", category)

        assert effective(draft, NODE, "datanode") == expected


class TestScripts:
    def test_run_in_sequence_the_categorys_first(self, draft: Draft) -> None:
        put(draft, NODE, "finalizescript", "echo node\n")
        put(draft, CATEGORY, "finalizescript", "echo category\n")

        assert scripts(draft, "node002", "finalize") == (
            (FROM_CATEGORY, "echo category\n"),
            (OWN, "echo node\n"),
        )
        assert scripts(draft, "node002", "initialize") == ()
        assert scripts(draft, "headnode", "finalize") == ()


class TestRoles:
    def test_a_nodes_role_stands_for_all_of_its_categorys(self, draft: Draft) -> None:
        put(draft, CATEGORY_ROLE, MODIFICATIONS, "+/etc/x.conf[a]b=c")
        edits.add(draft, "roles", "openstacknode", NODE)

        role = effective_roles(draft, "node002")["openstacknode"]
        other = effective_roles(draft, "node003")["openstacknode"]

        assert (role.source, role.priority, role.modifications) == (OWN, NODE_PRIORITY, ())
        assert role.values["l2agent"] == Effective("linuxbridge", "partition:base")
        assert role.values["merge"] == Effective("override", DEFAULT)
        assert (other.source, other.priority) == (FROM_CATEGORY, CATEGORY_PRIORITY)
        assert other.modifications == ((FROM_CATEGORY, "+/etc/x.conf[a]b=c"),)
        assert other.values["l2agent"] == Effective("linuxbridge", FROM_CATEGORY)

    def test_a_role_that_adds_its_keys_needs_one_line_for_one_key(self, draft: Draft) -> None:
        put(
            draft,
            CATEGORY_ROLE,
            MODIFICATIONS,
            "-/etc/x.conf[a]map",
            "+/etc/x.conf[a]map=ib:eth6",
            "+/etc/x.conf[a]other=1",
        )
        edits.add(draft, "roles", "openstacknode", NODE)
        put(draft, NODE_ROLE, "merge", "keys")
        put(draft, NODE_ROLE, MODIFICATIONS, "+/etc/x.conf[a]map=ib:eth4")

        role = effective_roles(draft, "node002")["openstacknode"]

        assert role.adds_to == FROM_CATEGORY
        assert role.modifications == (
            (FROM_CATEGORY, "+/etc/x.conf[a]other=1"),
            (OWN, "+/etc/x.conf[a]map=ib:eth4"),
        )
        assert role.values["l2agent"] == Effective("linuxbridge", FROM_CATEGORY)
        assert effective(draft, NODE_ROLE, MODIFICATIONS) == Effective(
            ("+/etc/x.conf[a]other=1", "+/etc/x.conf[a]map=ib:eth4"), f"{FROM_CATEGORY} and own"
        )
        assert effective_values(draft, NODE_ROLE)["l2agent"].source == FROM_CATEGORY

    def test_a_role_that_adds_to_none_stands_alone(self, draft: Draft) -> None:
        path = edits.add(draft, "roles", "openstacknetwork", NODE)
        put(draft, path, "merge", "keys")

        role = effective_roles(draft, "node002")["openstacknetwork"]

        assert (role.source, role.adds_to) == (OWN, "")

    def test_the_head_node_has_its_own(self, draft: Draft) -> None:
        assert list(effective_roles(draft, "headnode")) == ["openstacknode"]

    def test_items_of_one_key_have_one_key(self) -> None:
        assert modification_key("-/a[b]c") == modification_key("+/a[b]c=d,e=f")
        assert modification_key("+/a[b]c=d") != modification_key("+/a[x]c=d")
        assert modification_key("nonsense") == "nonsense"


class TestServices:
    def test_are_the_nodes_and_its_categorys(self, draft: Draft) -> None:
        services = effective_services(draft, "node001")

        assert {name: each.source for name, each in services.items()} == {
            "neutron-dhcp-agent": "category:openstack-network-nodes",
            "neutron-l3-agent": "category:openstack-network-nodes",
            "neutron-linuxbridge-agent": "category:openstack-network-nodes",
            "neutron-metadata-agent": "category:openstack-network-nodes",
            "opensm": OWN,
        }

    def test_the_nodes_own_stands_for_its_categorys(self, draft: Draft) -> None:
        edits.add(draft, "services", "libvirtd", NODE)

        service = effective_services(draft, "node002")["libvirtd"]

        assert service.source == OWN
        assert service.values["autostart"] == Effective(False, DEFAULT)


class TestFrozenFiles:
    def test_are_those_of_all_levels(self, draft: Draft) -> None:
        put(draft, EntityPath.of("partition", "base"), "FreezeFile", "/etc/a", "/etc/b")
        put(draft, CATEGORY, "frozenfiles", "/etc/b")
        put(draft, NODE, "frozenfiles", "|/etc/c.*")

        assert frozen_files(draft, "node002") == (
            (OWN, "|/etc/c.*"),
            (FROM_CATEGORY, "/etc/b"),
            ("partition:base", "/etc/a"),
        )


class TestWhatIsPrinted:
    def test_names_the_source_unless_it_is_the_object_itself(self, draft: Draft) -> None:
        def shown(path: EntityPath, name: str) -> str:
            property_ = KINDS[path.kind].find(name)
            assert property_ is not None
            return effective(draft, path, name).shown(property_)

        assert shown(NODE, "softwareimage") == f"openstack-image ({FROM_CATEGORY})"
        assert shown(CATEGORY, "softwareimage") == "openstack-image"
        assert shown(NODE, "installmode") == "AUTO (default)"
        assert shown(NODE, "provisioninginterface") == "BOOTIF"
        assert shown(NODE, "timeservers") == ""

    def test_a_question_that_has_no_answer_is_refused(self, draft: Draft) -> None:
        with pytest.raises(BadInput, match="there is no such device; did you mean node002"):
            effective(draft, EntityPath.of("device", "node02"), "mac")
        with pytest.raises(BadInput, match="a headnode has no property 'category'"):
            effective(draft, EntityPath.of("device", "headnode"), "category")
        with pytest.raises(BadInput, match="cannot read roles of device nobody"):
            effective_roles(draft, "nobody")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_inheritance_never_invents(data: st.DataObject) -> None:
    draft = edited(data)

    for name in draft.names("device"):
        path = EntityPath.of("device", name)
        entity = draft.get(path)
        assert entity is not None
        above = {source: dict(each.values) for source, each in levels(draft, path)}
        for property_ in KINDS["device"].of_type(entity.type):
            found = effective(draft, path, property_.name)
            if property_.fixed:
                continue
            if found.source == DEFAULT:
                assert found.value == property_.default_for(name)
            else:
                assert above[found.source][property_.name] == found.value


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_nearest_level_wins_but_for_switches_that_protect(data: st.DataObject) -> None:
    draft = edited(data)

    for name in draft.names("device"):
        path = EntityPath.of("device", name)
        above = levels(draft, path)
        for prop, found in effective_values(draft, path).items():
            property_ = KINDS["device"].find(prop)
            assert property_ is not None
            says = [(source, each.values[prop]) for source, each in above if prop in each.values]
            if property_.protects:
                assert found.value is any(value for _, value in says)
            elif property_.inherits and says:
                assert (found.source, found.value) == says[0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_roles_and_their_items_are_set_where_they_say(data: st.DataObject) -> None:
    draft = edited(data)

    for name in draft.names("device"):
        owner = {source: each.path for source, each in levels(draft, EntityPath.of("device", name))}
        for role in effective_roles(draft, name).values():
            for source, item in role.modifications:
                at = draft.get(owner[source].inside("roles", role.name))
                assert at is not None
                assert item in at.values[MODIFICATIONS]  # type: ignore[operator]
            for prop, found in role.values.items():
                if found.source in owner and prop not in ("name", MODIFICATIONS):
                    says = owner[found.source]
                    if found.source != BASE_SOURCE:
                        says = says.inside("roles", role.name)
                    at = draft.get(says)
                    assert at is not None
                    assert at.values[prop] == found.value


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_clone_is_as_its_source_but_for_what_says_which_one_it_is(data: st.DataObject) -> None:
    draft = edited(data)
    source = EntityPath.of("device", data.draw(st.sampled_from(draft.names("device"))))

    copy = edits.clone(draft, source, "newcomer")

    bound = {"hostname", "mac", "ip"}
    was, is_ = effective_values(draft, source), effective_values(draft, copy)
    assert {k: v for k, v in was.items() if k not in bound} == {
        k: v for k, v in is_.items() if k not in bound
    }
    assert effective_roles(draft, source.name) == effective_roles(draft, copy.name)
    assert effective_services(draft, source.name) == effective_services(draft, copy.name)
