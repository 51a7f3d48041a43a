# SPDX-License-Identifier: Apache-2.0
"""VFs are counted for each adapter, and what no file asks for is not known to be wrong."""

from __future__ import annotations

import pytest

from ibstack.facts.evidence import LSPCI
from ibstack.facts.host.interfaces import ethtool_name
from ibstack.facts.host.pci_devices import numvfs_name
from ibstack.verify.check import State
from verify.judged import host_with, said_by

FIRST, SECOND = "0000:05:00.0", "0000:81:00.0"
RULES = "etc/udev/rules.d/90-vfs.rules"
MLX4 = "Network controller: Mellanox Technologies MT27500 Family [ConnectX-3]"
MLX4_VF = f"{MLX4[:-1]}/ConnectX-3 Pro Virtual Function]"
MLX5 = "Infiniband controller: Mellanox Technologies MT28908 Family [ConnectX-6]"
MLX5_VF = "Infiniband controller: Mellanox Technologies ConnectX Family mlx5Gen Virtual Function"
ETHERNET = "Ethernet controller: Mellanox Technologies MT27710 Family [ConnectX-4 Lx]"
BLUEFIELD = "PCI bridge: Mellanox Technologies MT42822 Family [BlueField-2 SoC PCIe Bridge]"
OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN


def functions(bus: str, kind: str, virtual: str, count: int) -> str:
    """Return lspci's lines of a physical function and its VFs."""
    vfs = [f"0000:{bus}:{n // 8:02x}.{n % 8} {virtual}\n" for n in range(1, count + 1)]
    return "".join([f"0000:{bus}:00.0 {kind}\n", *vfs])


def by_interface(*pairs: tuple[str, int]) -> str:
    """Return the rules that `ibstack cluster` writes."""
    return "".join(
        f'ACTION=="add", NAME=="{name}", ATTR{{device/sriov_numvfs}}=="0",'
        f' ATTR{{device/sriov_numvfs}}="{count}"\n'
        for name, count in pairs
    )


TWO = functions("05", MLX5, MLX5_VF, 16) + functions("81", MLX5, MLX5_VF, 16)
MADE = {numvfs_name(FIRST): "16\n", numvfs_name(SECOND): "16\n"}
INTERFACES = {
    ethtool_name("ib0"): f"bus-info: {FIRST}\n",
    ethtool_name("ib1"): f"bus-info: {SECOND}\n",
}


def mstconfig(pci: str, vfs: int, sriov: str = "True(1)") -> dict[str, str]:
    text = f"Configurations:  Next Boot\n  NUM_OF_VFS  {vfs}\n  SRIOV_EN  {sriov}\n"
    return {f"commands/mstconfig_-d_{pci}_query": text}


@pytest.mark.parametrize("made", [MADE, {}])
def test_each_of_two_adapters_has_the_vfs_that_a_rule_asks_of_it(made: dict[str, str]) -> None:
    rules = {RULES: by_interface(("ib0", 16), ("ib1", 16))}
    host = host_with({LSPCI: TWO, **rules, **INTERFACES, **made})

    assert {each.state for each in said_by("vf-count", host)} == {OK}


def test_the_firmware_of_one_adapter_needs_no_room_for_the_vfs_of_another() -> None:
    rules = {RULES: by_interface(("ib0", 16), ("ib1", 16))}
    firmware = {**mstconfig(FIRST, 16), **mstconfig(SECOND, 16)}
    host = host_with({LSPCI: TWO, **rules, **INTERFACES, **firmware})

    assert [each.state for each in said_by("sriov-firmware", host)] == [OK, OK]


def test_rules_in_several_files_count_together() -> None:
    rules = {RULES: by_interface(("ib0", 16)), f"{RULES}.rules": by_interface(("ib1", 16))}
    host = host_with({LSPCI: TWO, **rules, **INTERFACES, **MADE})

    assert [each.state for each in said_by("vf-count", host)] == [OK, OK]


def test_the_adapter_with_too_few_is_named() -> None:
    rules = {RULES: by_interface(("ib0", 16), ("ib1", 16))}
    host = host_with({LSPCI: TWO, **rules, **INTERFACES, **MADE, numvfs_name(SECOND): "8\n"})

    (wrong,) = [each for each in said_by("vf-count", host) if each.state is FAILED]
    assert (wrong.thing, wrong.found) == (f"adapter {SECOND}", "8 VFs")


def test_a_rule_by_pci_address_is_for_that_adapter_alone() -> None:
    rules = {RULES: f'ACTION=="add", KERNEL=="{FIRST}", ATTR{{sriov_numvfs}}="16"\n'}
    made = {numvfs_name(FIRST): "16\n", numvfs_name(SECOND): "0\n"}
    host = host_with({LSPCI: TWO, **rules, **made})

    assert [each.state for each in said_by("vf-count", host)] == [OK, OK]


@pytest.mark.parametrize(("second", "state"), [(16, OK), (0, UNKNOWN)])
def test_a_rule_that_names_no_adapter_may_mean_the_other(second: int, state: State) -> None:
    rules = {RULES: 'ACTION=="add", DRIVERS=="mlx5_core", ATTR{sriov_numvfs}="16"\n'}
    made = {numvfs_name(FIRST): "16\n", numvfs_name(SECOND): f"{second}\n"}
    host = host_with({LSPCI: TWO, **rules, **made})

    assert [each.state for each in said_by("vf-count", host)] == [OK, state]


def test_num_vfs_asks_nothing_of_an_adapter_that_is_not_mlx4s() -> None:
    lspci = functions("05", MLX4, MLX4_VF, 16) + f"0000:81:00.0 {ETHERNET}\n"
    lspci += f"0000:81:00.1 {ETHERNET}\n0000:82:00.0 {BLUEFIELD}\n"
    host = host_with({LSPCI: lspci, "etc/modprobe.d/a.conf": "options mlx4_core num_vfs=16\n"})

    assert {each.state for each in said_by("vf-count", host)} == {OK}


def test_an_mlx4_that_lacks_vfs_is_not_hidden_by_another_card() -> None:
    lspci = functions("05", MLX4, MLX4_VF, 8) + functions("81", MLX5, MLX5_VF, 8)
    host = host_with({LSPCI: lspci, "etc/modprobe.d/a.conf": "options mlx4_core num_vfs=16\n"})

    assert [each.state for each in said_by("vf-count", host)] == [FAILED, UNKNOWN]


def test_vfs_that_no_file_asks_for_are_not_known_to_be_wrong() -> None:
    host = host_with({LSPCI: functions("05", MLX5, MLX5_VF, 16)})

    (answer,) = said_by("vf-count", host)
    assert answer.state is UNKNOWN
    assert "nothing in /etc/modprobe.d, /etc/udev/rules.d asks for them" in (answer.why or "")


def test_where_none_are_asked_for_and_none_are_made_it_holds() -> None:
    host = host_with({LSPCI: functions("05", MLX5, MLX5_VF, 0)})

    assert [each.state for each in said_by("vf-count", host)] == [OK]


def test_an_ini_file_that_says_nothing_beside_mstconfig_is_no_answer() -> None:
    ini = {f"commands/mstflint_-d_{FIRST}_dc": "[HCA]\nhca_header_device_id = 0x101b\n"}
    rules = {RULES: by_interface(("ib0", 16))}
    lspci = functions("05", MLX5, MLX5_VF, 16)
    host = host_with({LSPCI: lspci, **rules, **ini, **mstconfig(FIRST, 16)})

    assert [each.state for each in said_by("sriov-firmware", host)] == [OK]


def test_an_ini_file_that_says_nothing_and_stands_alone_is_not_known() -> None:
    ini = {f"commands/mstflint_-d_{FIRST}_dc": "[HCA]\nhca_header_device_id = 0x101b\n"}
    host = host_with({LSPCI: functions("05", MLX5, MLX5_VF, 16), **ini})

    assert [each.state for each in said_by("sriov-firmware", host)] == [UNKNOWN]


def test_firmware_that_is_switched_off_fails_for_the_adapter_that_is_to_have_vfs() -> None:
    rules = {RULES: by_interface(("ib1", 16))}
    firmware = {**mstconfig(FIRST, 0, "False(0)"), **mstconfig(SECOND, 0, "False(0)")}
    host = host_with({LSPCI: TWO, **rules, **INTERFACES, **firmware})

    assert [each.state for each in said_by("sriov-firmware", host)] == [OK, FAILED]
