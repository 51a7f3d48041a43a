# SPDX-License-Identifier: Apache-2.0
"""What is generated for the article's cluster has the effective keys of the article's files.

Where the article contradicts itself the commands count, and not the samples: D1 (11:20 on the
head), D2 (eth0, not br0-veth), D3 (VXLAN needs the fabric's keys too), D7 (no comments in values).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cluster.infiniband_cluster import (
    BRIDGE,
    COMPUTE_ROLE,
    FABRIC,
    HEAD_ROLE,
    ML2,
    former_cluster,
    set_values,
)
from ibstack.cluster.config.render import files_of
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.formats.ini import IniText, Keys
from ibstack.formats.partitions_conf.strict import parse

if TYPE_CHECKING:
    from ibstack.cluster.model.state import Draft

ARTICLE = Path(__file__).parents[2] / "recorded/article"
IMAGE = [
    # The recorded file, the host that has it, its path there.
    ("image_dhcp_agent.ini", "node001", "/etc/neutron/dhcp_agent.ini"),
    ("image_mlnx_conf.ini", "node002", "/etc/neutron/plugins/mlnx/mlnx_conf.ini"),
    ("image_eswitchd.conf", "node002", "/etc/eswitchd/eswitchd.conf"),
    ("image_nova.conf", "node003", "/etc/nova/nova.conf"),
]


def recorded(name: str) -> bytes:
    return (ARTICLE / name).read_bytes()


def keys(draft: Draft, device: str, path: str) -> Keys:
    return IniText(content(draft, device, path)).keys()


def content(draft: Draft, device: str, path: str, before: bytes | None = None) -> bytes:
    return files_of(draft, device)[PurePosixPath(path)].content(before)


def test_the_heads_ml2_conf_ini_is_that_of_the_commands() -> None:
    expected = IniText(recorded("head_ml2_conf.ini").replace(b"20:30", b"11:20")).keys()

    assert keys(former_cluster(), "headnode", ML2) == expected


@pytest.mark.parametrize(("node", "interface"), [("node002", b"eth6"), ("node003", b"eth4")])
def test_each_compute_host_maps_its_own_interface(node: str, interface: bytes) -> None:
    sample = recorded("compute_linuxbridge_conf.ini")
    sample = sample.replace(b"phyvlanhostnet:br0-veth", b"phyvlanhostnet:eth0")
    expected = IniText(sample.replace(b"eth6", interface)).keys()

    assert keys(former_cluster(), node, BRIDGE) == expected


@pytest.mark.parametrize(("name", "device", "path"), IMAGE)
def test_files_that_the_article_edits_in_the_image_are_generated(
    name: str, device: str, path: str
) -> None:
    assert keys(former_cluster(), device, path) == IniText(recorded(name)).keys()


@pytest.mark.parametrize("name", ["mlx4_core.conf", "mlx4_ib.conf"])
def test_the_drivers_options_are_those_of_the_article(name: str) -> None:
    generated = content(former_cluster(), "node002", f"/etc/modprobe.d/{name}").decode()

    assert _options(generated) == _options(recorded(f"image_{name}").decode())


def test_openib_conf_says_the_same_with_our_section_at_its_end() -> None:
    before = recorded("image_openib.conf")
    after = content(former_cluster(), "node002", "/etc/infiniband/openib.conf", before)

    assert after.startswith(before)
    assert _assigned(after) == _assigned(before)
    assert _assigned(after)["SET_IPOIB_CM"] == "auto"


def test_opensm_conf_gets_what_the_article_adds() -> None:
    before = b"sm_priority 15\n"
    after = content(former_cluster(), "headnode", "/etc/opensm/opensm.conf", before).decode()

    assert recorded("head_opensm.conf").decode().strip() in after.splitlines()
    assert after.startswith("sm_priority 15\n")


def test_partitions_conf_means_what_the_articles_does() -> None:
    generated = content(former_cluster(), "headnode", "/etc/opensm/partitions.conf")
    ours = {each.key: each for each in parse(generated, "ours")}
    theirs = {
        each.key: each for each in parse(_spelled(recorded("head_partitions.conf")), "theirs")
    }

    assert ours.keys() == theirs.keys()
    for key, statement in ours.items():
        assert set(statement.members) == set(theirs[key].members), key
        assert "ipoib" in statement.flags


def test_vxlan_in_place_of_vlan_changes_what_the_article_says() -> None:
    draft = former_cluster()
    tunnels = EntityPath.of("network", "vxlanhostnet")
    values = {"openstacknetworktype": "VXLAN", "openstackvlanrange": "1:8000"}
    draft.put(Entity(tunnels, "", values))
    for role in (HEAD_ROLE, COMPUTE_ROLE):
        set_values(draft, role, isolation="vxlan", configfilemodifications=())
    found = keys(draft, "node002", BRIDGE)
    sample = re.sub(rb"\s+#.*", b"", recorded("compute_linuxbridge_conf.vxlan_section"))
    sample = sample.replace(b"10.161.0.2", b"10.141.0.2")  # This node's own address here.

    section = {at: value for at, value in found.items() if at[0] == "vxlan"}
    assert section == IniText(b"[vxlan]\n" + sample).keys()
    assert found["vlans", "tenant_network_type"] == ("flat",)
    head = keys(draft, "headnode", ML2)
    theirs = IniText(recorded("head_ml2_conf.vxlan.ini")).keys()
    for where in (
        ("ml2", "type_drivers"),
        ("ml2", "mechanism_drivers"),
        ("ml2_type_vxlan", "vni_ranges"),
        ("ml2_type_vxlan", "vxlan_group"),
        ("securitygroup", "firewall_driver"),
    ):
        assert head[where] == theirs[where]
    assert head["ml2_type_vlan", "network_vlan_ranges"] == ("ibhostnet:1:10,phyvlanhostnet:11:20",)


def test_the_kernels_command_line_follows_from_the_image() -> None:
    draft = former_cluster()
    image = EntityPath.of("softwareimage", "openstack-image")
    set_values(draft, image, kernelparameters="intel_iommu=on iommu=pt pci=realloc pci=nocrs")

    text = content(draft, "node002", "/etc/default/grub.d/ibstack.cfg").decode()

    assert "GRUB_CMDLINE_LINUX='intel_iommu=on iommu=pt pci=realloc pci=nocrs'\n" in text


def test_one_range_in_the_fabric_changes_every_file_that_holds_it() -> None:
    draft = former_cluster()
    for role in (HEAD_ROLE, COMPUTE_ROLE):
        set_values(draft, role, configfilemodifications=())
    set_values(draft, FABRIC, keyrange="1:7")

    found = [
        path
        for device in ("headnode", "node002")
        for path, file in files_of(draft, device).items()
        if "ibhostnet:1:7" in file.text or "n0007=0x0007" in file.text
    ]

    assert [str(path) for path in found] == [
        ML2,
        "/etc/opensm/partitions.conf",
        BRIDGE,
        "/etc/neutron/plugins/mlnx/mlnx_conf.ini",
    ]
    assert not any(
        "n0008" in file.text or ":10" in file.text for file in files_of(draft, "headnode").values()
    )


def _options(text: str) -> set[str]:
    return {
        word
        for line in text.splitlines()
        if line.startswith("options ")
        for word in line.split()[1:]
    }


def _assigned(content: bytes) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", content.decode(), re.MULTILINE))


def _spelled(content: bytes) -> bytes:
    """Say the same without the multicast group's service level, in the strict reader's words."""
    return content.replace(b" sl=0,", b"").replace(b": ALL, ", b": ALL=full, ")
