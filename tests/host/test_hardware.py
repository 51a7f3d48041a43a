# SPDX-License-Identifier: Apache-2.0
"""The fake sysfs tree is the kernel's in shape, spelling and first state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import from_json, to_json
from ibstack.host.client.observed import (
    AttachmentState,
    Link,
    ObservedAdapter,
    ObservedAttachment,
    ObservedHost,
    ObservedVf,
)
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.hardware import PortState
from one_adapter import OneAdapter, Variant
from strategies import entries, guids, pci_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mlx4() -> Iterator[OneAdapter]:
    with OneAdapter(Variant.MLX4) as made:
        yield made


def test_links_lead_where_the_kernels_lead(one: OneAdapter) -> None:
    root, device = one.hardware.root, one.hardware.device
    pf = root / f"bus/pci/devices/{one.host.pf_pci}"

    assert (root / "class/net/ib0/device").resolve() == pf.resolve()
    assert (root / f"class/infiniband/{device}/device").resolve() == pf.resolve()
    assert (pf / "infiniband" / device / "ports/1/state").read_text() == "4: ACTIVE\n"
    assert (pf / "virtfn3").resolve().name == str(one.pci(3))
    assert (root / f"bus/pci/devices/{one.pci(3)}/physfn").resolve() == pf.resolve()
    assert (pf / "driver").resolve().name == f"{one.hardware.kind.value}_core"
    assert (root / "class/net/ib0/type").read_text() == "32\n"
    assert (root / f"class/infiniband/{device}/node_guid").read_text() == "0002:c903:0000:0090\n"


def test_the_tree_is_the_same_each_time_and_can_be_moved(one: OneAdapter, tmp_path: Path) -> None:
    sriov_files = one.variant is Variant.MLX5_FILES
    hardware.build(one.host, tmp_path / "here", sriov_files=sriov_files)
    hardware.build(one.host, tmp_path / "here", sriov_files=sriov_files)
    again = hardware.build(one.host, tmp_path / "there", sriov_files=sriov_files)
    (tmp_path / "there").rename(tmp_path / "moved")
    again.root = tmp_path / "moved"

    assert _content(tmp_path / "here") == _content(tmp_path / "moved")
    assert (again.root / "class/net/ib0/device/vendor").read_text() == "0x15b3\n"


def _content(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_mlx4_starts_with_index_0_on_whatever_is_at_physical_0(mlx4: OneAdapter) -> None:
    port = mlx4.hardware.slave_folder(0) / "ports/1"

    assert mlx4.hardware.vf_index(0) == 0
    assert (port / "pkey_idx/126").read_text() == "none\n"
    assert (port / "gid_idx/0").read_text() == "1\n"
    assert (port / "smi_enabled").read_text() == "0\n"


def test_mlx4_makes_up_a_local_guid_for_each_function(mlx4: OneAdapter) -> None:
    made = {mlx4.hardware.vf_guid(number) for number in range(4)}

    assert len(made) == 4
    assert {guid >> 56 for guid in made if guid is not None} == {0x02}
    admin = mlx4.hardware.iov_port_folder / "admin_guids"
    assert (admin / "0").read_text() == f"{mlx4.host.port_guid.value:x}\n"


def test_mlx5_starts_with_no_guid_and_its_link_down() -> None:
    with OneAdapter(Variant.MLX5_FILES) as one:
        assert one.hardware.vf_guid(0) == 0
        assert one.hardware.vf_policy(0) == "Down"
    with OneAdapter(Variant.MLX5_NETLINK) as one:
        assert not (one.hardware.pf_folder / "sriov").exists()


def test_what_the_silicon_shows_is_what_the_host_reads(mlx4: OneAdapter) -> None:
    assert mlx4.hardware.show_port(PortState.DOWN) is True
    assert mlx4.hardware.show_port(PortState.DOWN) is False
    assert mlx4.hardware.show_table([0x7FFF]) == 2 * 3  # Three entries gone, in two places.
    mlx4.hardware.show_alias(1, 0xFA163E0000000001)

    gids = mlx4.hardware.iov_port_folder / "gids"
    assert mlx4.adapter().read("n").port_state == "down"
    assert (gids / "2").read_text() == "fe80:0000:0000:0000:fa16:3e00:0000:0001\n"


def test_a_guest_is_marked_by_its_address(tmp_path: Path) -> None:
    pci = PciAddress.parse("0000:05:00.1")

    assert hardware.guest_marker(tmp_path, pci) == tmp_path / "guests/0000:05:00.1"


vfs = st.builds(
    ObservedVf,
    pci=pci_addresses,
    number=st.integers(0, 127),
    guid=st.none() | guids,
    entry=st.none() | entries,
    index=st.none() | st.integers(0, 126),
    link=st.none() | st.sampled_from(Link),
)
adapters = st.builds(
    ObservedAdapter,
    physical_network=st.text(),
    interface=st.text(),
    device=st.text(),
    port=st.integers(1, 2),
    kind=st.sampled_from(AdapterKind),
    pci=pci_addresses,
    port_guid=st.none() | st.just(Guid(1)),
    port_state=st.none() | st.just("active"),
    vfs=st.lists(vfs, max_size=3).map(tuple),
)
attachments = st.builds(
    ObservedAttachment,
    physical_network=st.text(),
    mac=st.text(),
    pci=pci_addresses,
    state=st.sampled_from(AttachmentState),
    why=st.none() | st.text(),
)


@given(
    st.builds(
        ObservedHost,
        sequence=st.integers(),
        adapters=st.lists(adapters, max_size=2).map(tuple),
        attachments=st.lists(attachments, max_size=2).map(tuple),
        problems=st.lists(st.text(), max_size=2).map(tuple),
    )
)
def test_what_is_observed_survives_the_socket(host: ObservedHost) -> None:
    assert from_json(ObservedHost, to_json(host)) == host
