# SPDX-License-Identifier: Apache-2.0
"""What another card, another driver or another maker's rule says does not count for an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.facts.evidence import DMESG, ESWITCHD_CONF, HOST_SHOW, LSPCI, UNIT_FILES
from ibstack.facts.host.interfaces import ethtool_name
from ibstack.facts.host.pci_devices import numvfs_name
from ibstack.verify.check import State
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
PCI, OTHER = "0000:05:00.0", "0000:3b:00.0"
MLX5 = f"{PCI} Infiniband controller: Mellanox Technologies MT28908 Family [ConnectX-6]\n"
VF = "Infiniband controller: Mellanox Technologies MT28908 Family [ConnectX-6 Virtual Function]"
ETHERNET = f"{OTHER} Ethernet controller: Mellanox Technologies MT27800 Family [ConnectX-5]\n"
MLX4 = f"{PCI} Network controller: Mellanox Technologies MT27500 Family [ConnectX-3]\n"
RULES = "etc/udev/rules.d/90-vfs.rules"
SERVES = {ESWITCHD_CONF: "[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n"}
IB0 = {ethtool_name("ib0"): f"driver: mlx5_core[ib_ipoib]\nbus-info: {PCI}\n"}


def states(check: str, host: Evidence) -> list[State]:
    return [each.state for each in said_by(check, host)]


def with_vfs(count: int, rule: str = "", **more: str) -> Evidence:
    """Return a host that serves guests, with *count* VFs and one rule of udev."""
    vfs = "".join(f"0000:05:{n // 8:02x}.{n % 8} {VF}\n" for n in range(1, count + 1))
    return host_with({LSPCI: MLX5 + vfs, RULES: f"{rule}\n", **SERVES, **IB0, **more})


FOUR, EIGHT = '"4"', '"8"'
WRITE = 'ATTR{sriov_numvfs}="4"'
NET = 'SUBSYSTEM=="net", ATTR{device/sriov_numvfs}="4"'
OURS = [
    f'ACTION=="add", KERNEL=="{PCI}", {WRITE}',
    f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="0000:05:00.[0-1]", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{vendor}}=="0x15b3", ATTR{{device}}=="0x101b", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{vendor}}=="0x8086|0x15b3", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{class}}=="0x020700", {WRITE}',
    f'ACTION!="remove", SUBSYSTEM=="pci", DRIVER=="mlx5_core", {WRITE}',
    f'DRIVERS=="mlx5_*", {WRITE}',
    f'SUBSYSTEM=="pci", ENV{{PCI_SLOT_NAME}}=="{PCI}", {WRITE}',
    f'ENV{{PCI_ID}}=="15B3:101B", {WRITE}',
    f'NAME=="ib0", {NET}',
    f'KERNEL=="ib1|ib0", {NET}',
    f'KERNELS=="{PCI}", {NET}',
    f'ENV{{ID_PATH}}=="pci-{PCI}", {NET}',
    f'ENV{{ID_NET_DRIVER}}=="mlx5_core*", ATTR{{type}}=="32", {NET}',
    f'KERNEL=="{PCI}", \\\n  ATTR{{sriov_numvfs}}=="0", {WRITE}',
    'SUBSYSTEM=="net", NAME=="ib0",'
    " RUN+=\"/bin/sh -c 'echo 4 > /sys/class/net/%k/device/sriov_numvfs'\"",
    f'SUBSYSTEM!="pci", GOTO="end"\nKERNEL=="{PCI}", {WRITE}\nLABEL="end"',
]
NOT_OURS = [
    f'SUBSYSTEM=="pci", ATTR{{vendor}}=="0x8086", ATTR{{device}}=="0x1584", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{vendor}}!="0x15b3", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{vendor}}=="0x15b3", ATTR{{device}}=="0x1017", {WRITE}',
    f'SUBSYSTEM=="pci", ATTR{{class}}=="0x020000", {WRITE}',
    f'SUBSYSTEM=="pci", DRIVER=="i40e", {WRITE}',
    f'DRIVERS=="ixgbe|ice", {NET}',
    f'ATTRS{{vendor}}=="0x8086", ATTRS{{device}}=="0x1584", {WRITE}',
    f'KERNEL=="0000:3b:00.*", {WRITE}',
    f'KERNELS=="{OTHER}", {NET}',
    f'NAME=="eno1", {NET}',
    f'ENV{{ID_NET_DRIVER}}=="i40e", {NET}',
    f'ENV{{ID_PATH}}=="pci-{OTHER}", {NET}',
    f'ATTR{{type}}=="1", {NET}',
    f'ACTION=="remove", KERNEL=="{PCI}", {WRITE}',
    f'#KERNEL=="{PCI}", {WRITE}',
    f'KERNEL="{PCI}", {WRITE}',
    f'SUBSYSTEM=="pci", GOTO="end"\nKERNEL=="{PCI}", {WRITE}\nLABEL="end"',
    "RUN+=\"/bin/sh -c 'echo 4 > /sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs'\"",
]
UNDECIDED = [
    f'ATTRS{{vendor}}=="0x8086", {WRITE}',
    f'NAME=="ens9", {NET}',
    f'PROGRAM=="/usr/local/bin/is-ours", {NET}',
    f'ENV{{MY_VFS}}=="yes", {WRITE}',
    f'KERNELS=="pci0000:00", {WRITE}',
]
ENO1 = {ethtool_name("eno1"): "driver: i40e\nbus-info: 0000:18:00.0\n"}


@pytest.mark.parametrize("rule", OURS)
def test_a_rule_that_fits_the_adapter_says_how_many_it_is_to_have(rule: str) -> None:
    assert states("vf-count", with_vfs(4, rule)) == [OK]
    assert states("vf-count", with_vfs(3, rule)) == [FAILED]


@pytest.mark.parametrize("rule", NOT_OURS)
@pytest.mark.parametrize("count", [4, 3, 0])
def test_a_rule_of_another_device_asks_nothing_of_the_adapter(rule: str, count: int) -> None:
    (answer,) = said_by("vf-count", with_vfs(count, rule, **ENO1))

    assert answer.state is UNKNOWN
    assert "nothing in /etc/modprobe.d, /etc/udev/rules.d asks for" in (answer.why or "")


@pytest.mark.parametrize("rule", UNDECIDED)
@pytest.mark.parametrize("count", [4, 3, 0])
def test_a_rule_that_cannot_be_decided_is_never_sure(rule: str, count: int) -> None:
    (answer,) = said_by("vf-count", with_vfs(count, rule))

    assert answer.state is UNKNOWN
    assert RULES in (answer.why or "")


@pytest.mark.parametrize("other", [*NOT_OURS, *UNDECIDED])
def test_the_adapters_own_rule_counts_whatever_stands_beside_it(other: str) -> None:
    rules = f"{other.replace(FOUR, EIGHT)}\n{OURS[0]}"

    assert states("vf-count", with_vfs(4, rules, **ENO1)) == [OK]
    assert states("vf-count", with_vfs(5, rules, **ENO1)) == [FAILED]


def test_two_rules_of_one_adapter_that_differ_are_not_known() -> None:
    rules = f"{OURS[0]}\n{OURS[0].replace(FOUR, EIGHT)}"

    assert states("vf-count", with_vfs(4, rules)) == [UNKNOWN]
    assert states("vf-count", with_vfs(8, rules.replace(FOUR, '"0"'))) == [OK]


def test_a_rule_in_etc_hides_the_one_of_the_same_name_in_lib() -> None:
    lib = {"usr/lib/udev/rules.d/90-vfs.rules": OURS[0].replace('"4"', '"9"')}

    assert states("vf-count", with_vfs(4, OURS[0], **lib)) == [OK]


def test_the_firmware_is_not_asked_for_what_another_makers_rule_wants() -> None:
    text = "Device #1:\nDevice:  0000:05:00.0\n NUM_OF_VFS 8\n SRIOV_EN True(1)\n"
    rule = NOT_OURS[0].replace('"4"', '"127"')
    host = with_vfs(4, rule, **{"commands/mlxconfig_-d_05:00.0_query": text})

    assert states("sriov-firmware", host) == [OK]


# VFs by lspci alone: whose they are.


@pytest.mark.parametrize(
    ("vfs", "state"),
    [
        (["0000:05:00.1", "0000:05:00.2", "0000:05:00.3"], OK),
        # Alternative routing ids: numbers go on in the next devices and buses.
        (["0000:05:00.1", "0000:05:10.7", "0000:06:00.0"], OK),
        (["0000:05:00.1"], FAILED),
        (["0000:05:00.1", "0000:05:00.2"], FAILED),
        ([], FAILED),
    ],
)
def test_vfs_of_an_ethernet_card_do_not_make_the_sum_right(vfs: list[str], state: State) -> None:
    others = "".join(
        f"0000:3b:00.{n} Ethernet controller: Mellanox Technologies MT27800 Family"
        " [ConnectX-5 Virtual Function]\n"
        for n in (2, 3)
    )
    lspci = MLX5 + "".join(f"{pci} {VF}\n" for pci in vfs) + ETHERNET + others
    rule = f'KERNEL=="{PCI}", ATTR{{sriov_numvfs}}="3"\n'

    answers = {
        e.thing: e.state for e in said_by("vf-count", host_with({LSPCI: lspci, RULES: rule}))
    }

    assert answers[f"adapter {PCI}"] is state
    assert answers[f"adapter {OTHER}"] is UNKNOWN


@pytest.mark.parametrize(("made", "state"), [(16, UNKNOWN), (15, FAILED)])
def test_two_ports_of_one_card_are_not_told_apart_by_lspci(made: int, state: State) -> None:
    second = MLX5.replace("05:00.0", "05:00.1")
    vfs = "".join(f"0000:05:{n // 8:02x}.{n % 8} {VF}\n" for n in range(2, 2 + made))
    rule = 'KERNEL=="0000:05:00.[01]", ATTR{sriov_numvfs}="8"\n'
    host = host_with({LSPCI: MLX5 + second + vfs, RULES: rule})

    assert states("vf-count", host) == [state]
    by_sysfs = {numvfs_name(PCI): "8\n", numvfs_name("0000:05:00.1"): f"{made - 8}\n"}
    told = states("vf-count", host_with({**host.texts, **by_sysfs}))
    assert told == [OK, OK if made == 16 else FAILED]


def test_what_lspci_shows_of_sriov_counts_for_its_adapter() -> None:
    seen = (
        "\tCapabilities: [180 v1] Single Root I/O Virtualization (SR-IOV)\n"
        "\t\tInitial VFs: 16, Total VFs: 16, Number of VFs: {}, Function Dependency Link: 00\n"
    )
    lspci = MLX5 + seen.format(4) + MLX5.replace("05:00.0", "05:00.1") + seen.format(2)
    rule = 'KERNEL=="0000:05:00.[01]", ATTR{sriov_numvfs}="4"\n'

    answers = said_by("vf-count", host_with({LSPCI: lspci, RULES: rule}))

    assert [(e.thing, e.state) for e in answers] == [
        (f"adapter {PCI}", OK),
        ("adapter 0000:05:00.1", FAILED),
    ]


@pytest.mark.parametrize(
    ("vf", "states_"),
    [
        ("05:00.1 Infiniband controller: Mellanox Technologies Device 101c", [OK]),
        ("05:00.1 Infiniband controller [0207]: Mellanox Technologies Device [15b3:101c]", [OK]),
        ("05:00.1 0207: 15b3:101c (rev ff)", [OK]),
        ("05:00.1 Class 0207: Device 15b3:101e", [OK]),
        ("05:00.1 Infiniband controller: Mellanox Technologies Device 1fff", [UNKNOWN, UNKNOWN]),
        # A second adapter, by its number.
        ("06:00.0 Infiniband controller: Mellanox Technologies Device 1021", [FAILED, OK]),
    ],
)
def test_a_number_says_whether_it_is_a_vf_or_it_is_not_known(vf: str, states_: list[State]) -> None:
    rule = f'KERNEL=="{PCI}", ATTR{{sriov_numvfs}}="1"\n'

    assert states("vf-count", host_with({LSPCI: f"{MLX5}{vf}\n", RULES: rule})) == states_


# The kernel's log.


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("i915 0000:00:02.0: not enough MMIO resources for SR-IOV", OK),
        ("ixgbe 0000:18:00.0: Failed to enable SR-IOV: -12", OK),
        ("mlx5_core 0000:3b:00.0: not enough MMIO resources for SR-IOV", OK),
        ("pci 0000:18:00.0: not enough MMIO resources for SR-IOV", OK),
        ("mlx5_core 0000:05:00.0: not enough MMIO resources for SR-IOV", FAILED),
        ("pci 0000:05:00.0: not enough MMIO resources for SR-IOV", FAILED),
        ("mlx4_core 0000:05:00.0: Failed to enable SR-IOV, continuing without", FAILED),
        (
            "mlx5_core 0000:05:00.0: mlx5_sriov_enable:172:(pid 9): pci_enable_sriov failed : -12",
            FAILED,
        ),
        ("mlx5_core 0000:05:00.0: failed to enable eswitch SRIOV (-22)", FAILED),
        ("mlx5_core 0000:3b:00.0: failed to enable VF 3 (-110)", OK),
        ("<mlx4_ib> aliasguid_query_handler: guid was declined by SM", FAILED),
    ],
)
def test_a_complaint_is_the_adapters_by_its_driver_or_address(line: str, state: State) -> None:
    log = f"[    0.000000] Linux version 6.5.11\n[  333.1] {line}\n"

    assert states("driver-log", host_with({LSPCI: MLX5 + ETHERNET, DMESG: log})) == [state]


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_log_says_nothing(text: str) -> None:
    assert states("driver-log", host_with({LSPCI: MLX5, DMESG: text})) == [UNKNOWN]


def test_a_complaint_of_an_address_without_lspci_is_not_known() -> None:
    log = "[  3.1] pci 0000:18:00.0: not enough MMIO resources for SR-IOV\n"

    assert states("driver-log", host_with({**SERVES, DMESG: log})) == [UNKNOWN]


# mlx4's options.


@pytest.mark.parametrize(
    ("core", "state"),
    [
        ("port_type_array=0000:05:00.0-1;1 num_vfs=0000:05:00.0-4 probe_vf=0000:05:00.0-0", OK),
        ("port_type_array=05:00.0-1;1 num_vfs=05:00.0-1;2;3 probe_vf=05:00.0-0;0;0", OK),
        ('port_type_array="1,1" num_vfs="4" probe_vf=0', OK),
        ("port-type-array=1,1 num-vfs=4", OK),
        ("port_type_array=05:00.0-2;2 num_vfs=05:00.0-4", FAILED),
        ("port_type_array=05:00.0-1;1 num_vfs=05:00.0-4 probe_vf=05:00.0-4", FAILED),
        ("port_type_array=06:00.0-1;1 num_vfs=05:00.0-4", FAILED),
        ("port_type_array=1,1 num_vfs=4 # probe_vf=4", FAILED),
        ("port_type_array=2,1 num_vfs=4", UNKNOWN),
        ("port_type_array=1,1 num_vfs=four", UNKNOWN),
        ("port_type_array=1,1 num_vfs=0000:05:00.0=4", UNKNOWN),
    ],
)
def test_options_of_mlx4_are_read_for_each_adapter(core: str, state: State) -> None:
    text = f"options mlx4_core {core}\noptions mlx4-ib sm_guid_assign=0\n"

    assert states("module-options", host_with({LSPCI: MLX4, "etc/modprobe.d/a.conf": text})) == [
        state
    ]


def test_another_adapters_options_are_not_this_ones() -> None:
    text = "options mlx4_core num_vfs=0000:06:00.0-4 port_type_array=0000:06:00.0-2;2\n"

    assert states("module-options", host_with({LSPCI: MLX4, "etc/modprobe.d/a.conf": text})) == []


@pytest.mark.parametrize(
    ("value", "made", "state"),
    [
        ("0000:05:00.0-1;2;1", 4, OK),
        ("0000:05:00.0-1;2;1", 3, FAILED),
        ("0000:06:00.0-4", 4, UNKNOWN),
        ("4,0,0", 4, OK),
        ("0x4", 4, OK),
        ("lots", 4, UNKNOWN),
    ],
)
def test_num_vfs_counts_for_the_adapter_that_it_names(value: str, made: int, state: State) -> None:
    vf = "Network controller: Mellanox Technologies MT27500/MT27520 Family [ConnectX-3/ConnectX-3"
    vfs = "".join(f"0000:05:00.{n} {vf} Pro Virtual Function]\n" for n in range(1, made + 1))
    text = f"options mlx4_core num_vfs={value}\n"

    host = host_with({LSPCI: MLX4 + vfs, "etc/modprobe.d/a.conf": text})

    assert states("vf-count", host) == [state]


@pytest.mark.parametrize(
    ("files", "vfs"),
    [
        ({"etc/modprobe.d/b.conf": "options mlx4_core num_vfs=2\n"}, 2),
        ({"etc/modprobe.d/A.conf": "options mlx4_core num_vfs=2\n"}, 4),
        ({"lib/modprobe.d/b.conf": "options mlx4_core num_vfs=2\n"}, 2),
        ({"run/modprobe.d/a.conf": "options mlx4_core num_vfs=2\n"}, 4),
        ({"etc/modprobe.d/b.conf": "# \\\noptions mlx4_core num_vfs=2\n"}, 4),
        ({"etc/modprobe.d/b.conf": "options mlx4_core \\\n num_vfs=2\n"}, 2),
        ({"etc/modprobe.d/b.bak": "options mlx4_core num_vfs=2\n"}, 4),
        ({"proc/cmdline": "ro mlx4-core.num_vfs=2\n"}, 2),
    ],
)
def test_the_option_that_modprobe_gives_last_counts(files: dict[str, str], vfs: int) -> None:
    text = {"etc/modprobe.d/a.conf": "options mlx4_core num_vfs=4\n"}

    (answer,) = said_by("vf-count", host_with({LSPCI: MLX4, **text, **files}))

    assert answer.wanted.startswith(f"{vfs} VFs")


# Several queries of firmware.


def query(device: str, vfs: int, on: str) -> str:
    return (
        f"\nDevice #1:\n----------\n\nDevice type:    ConnectX6\nDevice:         {device}\n\n"
        f"Configurations:                              Next Boot\n         NUM_OF_VFS  {vfs}\n"
        f"         SRIOV_EN   {on}\n         LINK_TYPE_P1   IB(1)\n"
    )


SECOND = MLX5.replace("05:00.0", "06:00.0")
BOTH = f'KERNEL=="{PCI}", {WRITE}\nKERNEL=="0000:06:00.0", {WRITE}\n'
OFF, ON = ("False(0)", 0), ("True(1)", 16)


def firmware(*texts: tuple[str, str], lspci: str = MLX5 + SECOND) -> list[tuple[str, State]]:
    host = host_with({LSPCI: lspci, RULES: BOTH, **dict(texts)})
    return [(each.found or each.why or "", each.state) for each in said_by("sriov-firmware", host)]


@pytest.mark.parametrize(
    "name", ["mlxconfig_query", "mstconfig_-e_q", "mlxconfig_-d_05:00.0_query"]
)
@pytest.mark.parametrize(
    ("first", "second"), [("0000:05:00.0", "0000:06:00.0"), ("05:00.0", "06:00.0")]
)
def test_two_queries_in_one_text_are_two(name: str, first: str, second: str) -> None:
    text = query(first, 0, "False(0)") + query(second, 16, "True(1)").replace("#1", "#2")

    found = firmware((f"commands/{name}", text))

    assert found == [("sriov_en false, 0 VFs", FAILED), ("sriov_en true, 16 VFs", OK)]


def test_an_answer_in_three_columns_counts_now_and_at_the_next_start() -> None:
    text = query(PCI, 16, "True(1)")
    shown = text.replace("NUM_OF_VFS  16", "NUM_OF_VFS  0   0   16")
    shown = shown.replace("SRIOV_EN   True(1)", "* SRIOV_EN   False(0)  False(0)  True(1)")

    ((found, state),) = firmware(("commands/mstconfig_-d_05_00.0_-e_q", shown))

    assert state is FAILED
    assert found == "sriov_en false, 0 VFs; from the next start on sriov_en true, 16 VFs"


@pytest.mark.parametrize(
    "name",
    ["mstconfig_-d_05_00.0_-e_q", "mstconfig_-d_0000_05_00.0_q", "mlxconfig_-d_0000:05:00.0_query"],
)
def test_a_name_without_colons_is_the_adapters(name: str) -> None:
    text = query("x", 0, "False(0)").replace("Device:         x\n", "")

    assert firmware((f"commands/{name}", text)) == [("sriov_en false, 0 VFs", FAILED)]


@pytest.mark.parametrize(
    "device", ["/dev/mst/mt4123_pciconf0", "mt4123_pciconf0", "/dev/mst/mt4123_pci_cr0"]
)
def test_a_name_of_mst_may_be_any_card_of_its_kind(device: str) -> None:
    text = ("commands/mlxconfig_query", query(device, 2, "True(1)"))
    only = 'KERNEL=="0000:05:00.0", ATTR{sriov_numvfs}="4"\n'

    one = host_with({LSPCI: MLX5 + ETHERNET, RULES: only, **dict([text])})
    two = host_with({LSPCI: MLX5 + SECOND, RULES: only, **dict([text])})

    assert states("sriov-firmware", one) == [FAILED]
    assert states("sriov-firmware", two) == [UNKNOWN]


def test_flints_ini_is_its_adapters_too() -> None:
    ini = "[HCA]\nsriov_en = true\ntotal_vfs = 2\n"
    text = {"etc/modprobe.d/a.conf": "options mlx4_core num_vfs=4\n"}
    second = MLX4.replace("05:00.0", "06:00.0")

    for name in ("mstflint_-d_05_00.0_dc", "flint_-d_05:00.0_dc"):
        host = host_with({LSPCI: MLX4 + second, **text, f"commands/{name}": ini})
        assert states("sriov-firmware", host) == [FAILED]


@pytest.mark.parametrize(
    "text", ["", "-E- Failed to open the device\n", "Device type:  ConnectX6\n"]
)
def test_a_query_that_says_nothing_is_not_known(text: str) -> None:
    assert [state for _, state in firmware(("commands/mlxconfig_query", text))] == [UNKNOWN]


# VFs that other files ask for.

UNIT = "etc/systemd/system/sriov-ib.service"
RUNS = '[Service]\nExecStart=/bin/sh -c "echo 8 > /sys/class/net/ib0/device/sriov_numvfs"\n'
ENABLED = {UNIT_FILES: "sriov-ib.service enabled enabled\n"}
MASKED = {UNIT_FILES: "sriov-ib.service masked enabled\n"}


@pytest.mark.parametrize(
    ("more", "none_made", "all_made"),
    [({}, UNKNOWN, OK), (ENABLED, FAILED, OK), (MASKED, UNKNOWN, UNKNOWN)],
)
def test_a_unit_asks_where_it_is_enabled(
    more: dict[str, str], none_made: State, all_made: State
) -> None:
    assert states("vf-count", with_vfs(0, **{UNIT: RUNS, **more})) == [none_made]
    assert states("vf-count", with_vfs(8, **{UNIT: RUNS, **more})) == [all_made]


LINK = "[Match]\n{}\n[Link]\nSR-IOVVirtualFunctions=8\n"
ASKING = {
    "etc/rc.local": f"echo 8 > /sys/bus/pci/devices/{PCI}/sriov_numvfs\n",
    "etc/network/interfaces": (
        "iface ib0 inet manual\n pre-up echo 8 > /sys/class/net/ib0/device/sriov_numvfs\n"
    ),
    "etc/netplan/50.yaml": "network:\n  ethernets:\n    ib0:\n      virtual-function-count: 8\n",
    "etc/NetworkManager/system-connections/ib0.nmconnection": (
        "[connection]\ninterface-name=ib0\n[sriov]\ntotal-vfs=8\n"
    ),
    "etc/sysconfig/network-scripts/ifcfg-ib0": "DEVICE=ib0\nSRIOV_TOTAL_VFS=8\n",
    "etc/os-net-config/sriov_config.yaml": "- device_type: pf\n  name: ib0\n  numvfs: 8\n",
    "etc/sysfs.d/vfs.conf": "class/net/ib0/device/sriov_numvfs = 8\n",
    "etc/tmpfiles.d/vfs.conf": "w /sys/class/net/ib0/device/sriov_numvfs - - - - 8\n",
    "etc/systemd/network/10-ib.link": LINK.format("OriginalName=ib0"),
    "usr/lib/systemd/network/10-ib.link": LINK.format(f"Path=pci-{PCI}"),
}


@pytest.mark.parametrize(("file", "text"), ASKING.items(), ids=ASKING)
def test_each_file_that_makes_vfs_is_read(file: str, text: str) -> None:
    assert states("vf-count", with_vfs(8, **{file: text})) == [OK]
    (answer,) = said_by("vf-count", with_vfs(0, **{file: text}))
    assert answer.state in (FAILED, UNKNOWN)
    assert file in answer.wanted + (answer.why or "")


@pytest.mark.parametrize(
    "match", ["OriginalName=eno1", "Driver=i40e", f"Path=pci-{OTHER}", "Type=ether"]
)
def test_a_link_file_of_another_device_asks_nothing(match: str) -> None:
    files = {"etc/systemd/network/10-x.link": LINK.format(match), **ENO1}

    (answer,) = said_by("vf-count", with_vfs(8, **files))

    assert "nothing in" in (answer.why or "")


def test_of_link_files_the_first_that_fits_is_the_only_one() -> None:
    first = {"etc/systemd/network/05-all.link": "[Match]\nOriginalName=*\n[Link]\nMTUBytes=2044\n"}
    second = {"etc/systemd/network/10-ib.link": LINK.format("OriginalName=ib0")}

    (answer,) = said_by("vf-count", with_vfs(8, **first, **second))

    assert "nothing in" in (answer.why or "")


FIRMWARE_OFF = {"commands/mlxconfig_-d_05:00.0_query": query("0000:05:00.0", 0, "False(0)")}
FIRMWARE_ON = {"commands/mlxconfig_-d_05:00.0_query": query("0000:05:00.0", 8, "True(1)")}


def test_a_host_that_serves_guests_needs_vfs_though_no_file_asks() -> None:
    assert states("sriov-firmware", with_vfs(0, **FIRMWARE_OFF)) == [FAILED]
    assert states("vf-count", with_vfs(0, **FIRMWARE_OFF)) == [UNKNOWN]
    assert states("sriov-firmware", with_vfs(0, **FIRMWARE_ON)) == [OK]
    assert states("iommu-on", with_vfs(0)) == [UNKNOWN]
    (said,) = said_by("sriov-firmware", with_vfs(0, **FIRMWARE_ON))
    assert said.wanted == "sriov_en true, at least 1 VFs"


def test_a_host_of_the_dhcp_agent_alone_needs_none() -> None:
    network_node = {"etc/neutron/dhcp_agent.ini": "[DEFAULT]\n"}

    assert states("vf-count", with_vfs(0, **network_node)) == [OK]
    assert states("sriov-firmware", with_vfs(0, **network_node, **FIRMWARE_OFF)) == [OK]
    nova = {"etc/nova/nova.conf": "[pci]\n"}
    assert states("vf-count", with_vfs(0, **network_node, **nova)) == [UNKNOWN]


# What ibstack-eswitchd maps.


@pytest.mark.parametrize(
    "text",
    [
        "[DAEMON]\nfabrics = ibhostnet:ib0\n",
        "[daemon]\nfabrics = 'ibhostnet:ib0'\n",
        '[DAEMON]\nfabrics = "ibhostnet:ib0"\n',
        "[ESWITCH]\nPhysical_Interface_Mappings: ibhostnet:ib0\n",
        "[eswitch]\nphysical_interface_mappings =\n  ibhostnet:ib0\n",
    ],
)
def test_every_form_of_a_mapping_is_looked_at(text: str) -> None:
    driver = {ethtool_name("ib0"): f"driver: mlx5_core\nbus-info: {PCI}\n"}
    host = host_with({LSPCI: MLX5, ESWITCHD_CONF: text, **driver, HOST_SHOW: "[]\n"})

    assert states("adapter-driver", host) == [FAILED]
    assert states("eswitchd-alive", host) == [FAILED]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("[eswitch]\nphysical_interface_mappings = ibhostnet:ib0, ibhostnet\n", 1),
        ("[daemon]\nfabrics = ibhostnet=ib0\n", 0),
        ("[eswitch]\nphysical_interface_mappings = a:ib0,b:ib0\n", 1),
        ("[eswitchd]\ngroup = neutron\n", 0),
        ("physical_interface_mappings = ibhostnet:ib0\n", 0),
        ("", 0),
        ("[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n\ufffd = 1\n", 0),
    ],
)
def test_what_is_not_understood_of_a_mapping_is_said(text: str, known: int) -> None:
    shown = '[{"physical_network": "ibhostnet", "interface": "ib0"}]\n'
    host = host_with({LSPCI: MLX5, ESWITCHD_CONF: text, **IB0, HOST_SHOW: shown})

    for check in ("adapter-driver", "eswitchd-alive"):
        answers = said_by(check, host)
        assert UNKNOWN in {each.state for each in answers}
        assert len([each for each in answers if each.state is not UNKNOWN]) == known
        assert any("ibstack-eswitchd refuses" in (each.why or "") for each in answers)
