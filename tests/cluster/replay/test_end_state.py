# SPDX-License-Identifier: Apache-2.0
"""When the whole article was replayed, cluster and hosts are as it says they end up."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cluster.article import KERNEL_PARAMETERS, VNODES, starting_state
from cluster.infiniband_cluster import BRIDGE, HEAD_ITEMS, ML2, compute_items
from cluster.replay.article_commands import RECORDED, steps
from ibstack.cluster.config.render import files_of
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import (
    effective,
    effective_roles,
    effective_services,
    kernel_command_line,
)
from ibstack.formats.ini import IniText, Keys

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.replay.replayed import Replay
    from ibstack.cluster.model.state import State

IMAGE = "openstack-image-mellanox"
CATEGORY = "openstack-compute-hosts-mellanox"
FROZEN = (PurePosixPath("/etc/neutron/dhcp_agent.ini"),)
"""By step 58: the article edits it in the image."""
NODES = ("node001", "node002", "node003")
SWITCHES = ("xdriver=vesa", "intel_iommu=on", "iommu=pt", "pci=realloc", "pci=nocrs")
FROM_CATEGORY = f"category:{CATEGORY}"


@pytest.fixture(scope="session")
def state(replayed: Replay) -> State:
    return replayed.state()


def found(replayed: Replay, host: str, path: str) -> Path:
    return replayed.cluster.root(host) / path.lstrip("/")


def keys(replayed: Replay, host: str, path: str) -> Keys:
    return IniText(found(replayed, host, path).read_bytes()).keys()


class TestImagesAndCategories:
    def test_the_new_image_has_the_parameters_and_the_old_one_is_as_it_was(
        self, replayed: Replay, state: State
    ) -> None:
        new = state.get(EntityPath.of("softwareimage", IMAGE))
        old = state.get(EntityPath.of("softwareimage", "openstack-image"))

        assert new is not None
        assert old is not None
        assert effective(state, new.path, "path").value == f"/cm/images/{IMAGE}"
        assert new.values["kernelparameters"] == " ".join((KERNEL_PARAMETERS, *SWITCHES))
        assert old.values["kernelparameters"] == KERNEL_PARAMETERS
        assert (replayed.cluster.image(IMAGE) / "etc/image").read_text() == "openstack-image\n"
        assert not (replayed.cluster.image("openstack-image") / "etc/eswitchd").exists()

    def test_the_new_category_has_all_of_its_sources_and_the_image(self, state: State) -> None:
        source = EntityPath.of("category", "openstack-compute-hosts")
        category = EntityPath.of("category", CATEGORY)

        assert effective(state, category, "softwareimage").value == IMAGE
        assert effective(state, source, "softwareimage").value == "openstack-image"
        assert set(state.names("roles", category)) == set(state.names("roles", source))
        assert set(state.names("services", category)) == {
            *state.names("services", source),
            *("eswitchd", "neutron-mlnx-agent"),
        }
        network = EntityPath.of("category", "openstack-network-nodes")
        assert effective(state, network, "softwareimage").value == IMAGE

    def test_the_old_category_has_no_nodes_any_more(self, state: State) -> None:
        categories = {
            each.name: each.values.get("category") for each in state.children(None, ("device",))
        }

        assert "openstack-compute-hosts" not in categories.values()
        assert [name for name, each in categories.items() if each == CATEGORY] == [
            *("node002", "node003")
        ]

    @pytest.mark.parametrize("node", NODES)
    def test_nodes_are_installed_from_the_image_and_booted_with_its_parameters(
        self, replayed: Replay, state: State, node: str
    ) -> None:
        device = EntityPath.of("device", node)
        running = replayed.cluster.running(node)

        assert effective(state, device, "softwareimage").value == IMAGE
        assert str(kernel_command_line(state, node).value).split()[-5:] == [*SWITCHES]
        assert running.image == IMAGE
        assert running.kernel_command_line == kernel_command_line(state, node).value
        for name in ("mlx4_core.conf", "mlx4_ib.conf"):
            content = found(replayed, node, f"/etc/modprobe.d/{name}").read_bytes()
            assert content == (RECORDED / f"image_{name}").read_bytes()


class TestModifications:
    @pytest.mark.parametrize(
        ("host", "items", "source"),
        [
            ("headnode", HEAD_ITEMS, ""),
            ("node002", compute_items("eth6"), FROM_CATEGORY),
            ("node003", compute_items("eth4"), ""),
        ],
    )
    def test_count_by_the_nearest_level(
        self, state: State, host: str, items: tuple[str, ...], source: str
    ) -> None:
        role = effective_roles(state, host)["openstacknode"]

        assert role.modifications == tuple((source, item) for item in items)

    def test_the_heads_ml2_conf_ini_is_the_articles(self, replayed: Replay) -> None:
        sample = (RECORDED / "head_ml2_conf.ini").read_bytes().replace(b"20:30", b"11:20")  # D1
        generated = files_of(starting_state(), "headnode")[PurePosixPath(ML2)].content(None)

        expected = {**IniText(generated).keys(), **IniText(sample).keys()}
        # No command sets it: the cluster manager of 2014 wrote it of its own accord.
        del expected["securitygroup", "firewall_driver"]

        assert keys(replayed, "headnode", ML2) == expected

    @pytest.mark.parametrize(("node", "interface"), [("node002", b"eth6"), ("node003", b"eth4")])
    def test_linuxbridge_conf_ini_is_the_articles_with_each_hosts_interface(
        self, replayed: Replay, node: str, interface: bytes
    ) -> None:
        sample = (RECORDED / "compute_linuxbridge_conf.ini").read_bytes()
        sample = sample.replace(b"phyvlanhostnet:br0-veth", b"phyvlanhostnet:eth0")  # D2

        expected = IniText(sample.replace(b"eth6", interface)).keys()

        assert keys(replayed, node, BRIDGE) == expected

    @pytest.mark.parametrize("host", ["headnode", *NODES])
    def test_bringing_it_about_twice_changes_nothing(
        self, replayed: Replay, state: State, host: str
    ) -> None:
        for path, file in files_of(state, host).items():
            before = found(replayed, host, str(path)).read_bytes()
            if path in FROZEN:
                continue
            assert file.content(before) == before, path


class TestServices:
    @pytest.mark.parametrize(
        ("host", "service", "expected"),
        [
            ("headnode", "opensm", "UP"),
            ("node001", "opensm", "STOPPED"),
            *((node, "eswitchd", "UP") for node in NODES),
            *((node, "neutron-mlnx-agent", "UP") for node in NODES),
            *((node, "neutron-linuxbridge-agent", "UP") for node in NODES),
        ],
    )
    def test_run_or_stay_stopped(
        self, replayed: Replay, host: str, service: str, expected: str
    ) -> None:
        assert replayed.cluster.service_state(host, service) == expected

    @pytest.mark.parametrize("service", ["eswitchd", "neutron-mlnx-agent"])
    def test_those_of_infiniband_are_looked_after(self, state: State, service: str) -> None:
        for node in ("node002", "node003"):
            values = effective_services(state, node)[service].values
            assert values["autostart"].value is True
            assert values["monitored"].value is True
            assert values["autostart"].source == FROM_CATEGORY


class TestNetworks:
    def test_every_virtual_node_has_a_port_on_the_network(self, state: State) -> None:
        network = state.get(EntityPath.of("network", "ibnetwork"))
        assert network is not None
        assert network.values["openstackphysicalnetworkname"] == "ibnetwork"  # D4

        for node in VNODES:
            port = state.get(EntityPath.of("device", node).inside("interfaces", "ib0"))
            assert port is not None
            assert port.type == "physical"
            assert (port.values["dhcp"], port.values["network"]) == (True, "ibnetwork")

    def test_no_virtual_node_is_instantiated(self, state: State) -> None:
        for node in VNODES:
            path = EntityPath.of("device", node).inside("virtualnodesettings", "settings")
            assert effective(state, path, "instanceid").value == ""


class TestTheRest:
    def test_nothing_is_left_uncommitted(self, replayed: Replay) -> None:
        assert not replayed.cluster.session.draft.edits

    @pytest.mark.parametrize("number", [13, 15])
    def test_pdsh_reaches_the_nodes_of_the_category_and_no_others(
        self, replayed: Replay, number: int
    ) -> None:
        step = next(each for each in steps() if each.number == number)
        group = step.command.split()[2]
        genders = found(replayed, "headnode", "/etc/genders")

        # The real pdsh and genders; what it runs is run here, with the node's name.
        ran = subprocess.run(
            ("pdsh", "-N", "-R", "exec", "-F", str(genders), "-g", group, "echo", "%h"),
            capture_output=True,
            text=True,
            check=False,
        )

        assert (ran.returncode, ran.stderr) == (0, "")
        assert sorted(ran.stdout.split()) == ["node002", "node003"]
