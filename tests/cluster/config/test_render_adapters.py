# SPDX-License-Identifier: Apache-2.0
"""Files of hosts with adapters: on several fabrics; and what makes virtual functions of mlx5."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cluster.infiniband_cluster import (
    FABRIC,
    ML2,
    infiniband_roles,
    set_values,
    todays_cluster,
    two_fabrics,
)
from ibstack.cluster.config.render import adapter_driver, files_of
from ibstack.cluster.model.entity import EntityPath
from ibstack.fabric.errors import BadValue
from ibstack.facts.evidence import Evidence
from ibstack.facts.site import Site
from ibstack.formats.ini import IniText, Keys
from ibstack.verify.check import State, run
from ibstack.verify.cloud.checks.server import dhcp_drivers

if TYPE_CHECKING:
    from ibstack.cluster.model.state import Draft

ESWITCHD = "/etc/ibstack/eswitchd.conf"
FORMER_ESWITCHD = "/etc/eswitchd/eswitchd.conf"
NOVA = "/etc/nova/nova.conf"
BOTH = ("ibhostnet:ib0,ibstorage:ib2",)


def keys(draft: Draft, device: str, path: str) -> Keys:
    return IniText(files_of(draft, device)[PurePosixPath(path)].content(None)).keys()


def paths(draft: Draft, device: str) -> set[str]:
    return {str(path) for path in files_of(draft, device)}


def rule(draft: Draft, device: str = "node002") -> list[str]:
    text = files_of(draft, device)[PurePosixPath(adapter_driver.UDEV_PATH)].text
    return [line for line in text.splitlines() if not line.startswith("#")]


class TestSeveralFabrics:
    def test_every_file_has_both(self) -> None:
        draft = two_fabrics()

        assert keys(draft, "node002", ESWITCHD)["eswitch", "physical_interface_mappings"] == BOTH
        for path in ("/etc/neutron/dhcp_agent.ini", "/etc/neutron/l3_agent.ini"):
            assert keys(draft, "node001", path)["ipoib", "physical_interface_mappings"] == BOTH
        head = keys(draft, "headnode", ML2)
        assert head["infiniband", "physical_networks"] == ("ibhostnet,ibstorage",)
        (ranges,) = head["ml2_type_vlan", "network_vlan_ranges"]
        assert set(ranges.split(",")) > {"ibhostnet:1:10", "ibstorage:100:200"}

    def test_verify_is_content_with_the_dhcp_agents_file(self) -> None:
        found = files_of(two_fabrics(), "node001")
        texts = {str(path)[1:]: file.content(None).decode() for path, file in found.items()}
        site = Site({"node001": Evidence("node001", texts)})

        answer = run(dhcp_drivers, site)

        assert [each.state for each in answer] == [State.OK], answer

    def test_nova_has_a_specification_of_each_adapter(self) -> None:
        specs = keys(two_fabrics(), "node002", NOVA)["pci", "device_spec"]

        assert [json.loads(each) for each in specs] == [
            {"vendor_id": "15b3", "product_id": "1004", "physical_network": "ibhostnet"},
            {"devname": "ib2", "physical_network": "ibstorage"},
        ]

    def test_two_adapters_with_one_id_are_told_apart_by_their_interfaces(self) -> None:
        specs = keys(two_fabrics("mlx4"), "node002", NOVA)["pci", "device_spec"]

        assert [json.loads(each)["devname"] for each in specs] == ["ib0", "ib2"]

    def test_a_fabric_of_each_stack_has_the_files_of_its_own(self) -> None:
        draft = two_fabrics(stack="mlnx", mode="connected")

        ours = keys(draft, "node002", ESWITCHD)["eswitch", "physical_interface_mappings"]
        theirs = keys(draft, "node002", FORMER_ESWITCHD)["daemon", "fabrics"]
        assert (ours, theirs) == (("ibhostnet:ib0",), ("ibstorage:ib2",))
        openib = files_of(draft, "node002")[PurePosixPath("/etc/infiniband/openib.conf")].text
        assert "MLX5_LOAD=yes\n" in openib
        assert "MLX4_LOAD" not in openib

    def test_both_of_mellanox_are_in_its_files_once(self) -> None:
        draft = two_fabrics("mlx5", stack="mlnx")
        set_values(draft, FABRIC, stack="mlnx")

        found = keys(draft, "node002", "/etc/neutron/plugins/mlnx/mlnx_conf.ini")
        assert found["mlnx", "network_vlan_ranges"] == ("ibhostnet:1:10,ibstorage:100:200",)
        assert found["mlnx", "physical_network_type_mappings"] == ("ibhostnet:ib,ibstorage:ib",)
        assert found["eswitch", "physical_interface_mappings"] == BOTH
        openib = files_of(draft, "node002")[PurePosixPath("/etc/infiniband/openib.conf")].text
        assert openib.count("IPOIB_LOAD=yes\n") == len(("IPOIB_LOAD", "E_IPOIB_LOAD"))

    def test_two_adapters_may_be_on_one_fabric(self) -> None:
        draft = todays_cluster()
        infiniband_roles(draft, furtherfabrics=("ibhostnet",), furtherinterfaces=("ib1",))

        found = keys(draft, "node002", ESWITCHD)["eswitch", "physical_interface_mappings"]
        assert found == ("ibhostnet:ib0,ibhostnet:ib1",)

    def test_every_key_names_the_objects_that_it_follows_from(self) -> None:
        draft = two_fabrics()
        for device in ("headnode", "node001", "node002"):
            for file in files_of(draft, device).values():
                for _, origin in file.origin:
                    for part in origin.split(" and "):
                        path = part.partition(":")[0]
                        assert path == "device" or draft.get(EntityPath.parse(path)), origin

    def test_a_role_that_names_no_fabric_among_several_has_none(self) -> None:
        draft = two_fabrics()
        infiniband_roles(draft, fabric="")

        assert ESWITCHD not in paths(draft, "node002")


class TestVirtualFunctionsOfMlx5:
    def test_a_rule_makes_them_and_keeps_the_hosts_driver_away(self) -> None:
        draft = todays_cluster()
        set_values(draft, FABRIC, adapter="mlx5")
        infiniband_roles(draft, virtualfunctions=4, interface="ibp5s0")
        when = (
            'ACTION=="add", SUBSYSTEM=="net", ATTR{type}=="32", NAME=="ibp5s0",'
            ' ATTR{device/sriov_numvfs}=="0", '
        )

        assert rule(draft) == [
            f'{when}ATTR{{device/sriov_drivers_autoprobe}}="0"',
            f'{when}ATTR{{device/sriov_numvfs}}="4"',
        ]

    def test_each_adapter_of_mlx5_has_its_own_and_mlx4_none(self) -> None:
        draft = two_fabrics("mlx5")

        assert all('NAME=="ib2"' in line for line in rule(draft))
        assert adapter_driver.UDEV_PATH not in paths(todays_cluster(), "node002")

    def test_no_functions_no_rule(self) -> None:
        draft = two_fabrics("mlx5")
        infiniband_roles(draft, virtualfunctions=0)

        assert adapter_driver.UDEV_PATH not in paths(draft, "node002")

    @pytest.mark.parametrize("name", ['ib0"', "ib*", "ib0 ", "", "a" * 16, "ib0\n"])
    def test_a_name_that_means_more_to_udev_is_refused(self, name: str) -> None:
        draft = todays_cluster()
        set_values(draft, FABRIC, adapter="mlx5")
        infiniband_roles(draft, interface=name)

        with pytest.raises(BadValue, match="interface"):
            files_of(draft, "node002")
