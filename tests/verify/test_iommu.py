# SPDX-License-Identifier: Apache-2.0
"""The IOMMU is judged by what the kernel uses, on hosts that have VFs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.facts.evidence import CMDLINE, DMESG, IOMMUS, LSCPU, LSPCI
from ibstack.facts.this_host import read_host
from ibstack.verify.check import State
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.facts.evidence import Evidence

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
VFS = {"etc/modprobe.d/a.conf": "options mlx4_core num_vfs=16\n"}
ADAPTER = "0000:05:00.0 Network controller: Mellanox Technologies MT27500 Family [ConnectX-3]\n"
LATE = "[9000000.1] mlx4_core: something\n"
"""A log whose beginning has left the ring buffer."""


def host(cmdline: str, iommus: str | None, vendor: str | None = None, log: str = LATE) -> Evidence:
    texts = {**VFS, LSPCI: ADAPTER, CMDLINE: f"{cmdline}\n", DMESG: log}
    texts |= {} if iommus is None else {IOMMUS: iommus}
    texts |= {} if vendor is None else {LSCPU: f"Vendor ID:    {vendor}\n"}
    return host_with(texts)


INTEL, AMD, ARM = "GenuineIntel", "AuthenticAMD", "ARM"


@pytest.mark.parametrize(
    ("cmdline", "iommus", "vendor", "asked", "is_on"),
    [
        ("ro intel_iommu=on", "dmar0\n", INTEL, OK, OK),
        ("ro", "dmar0\n", INTEL, OK, OK),
        ("ro", "ivhd0\n", AMD, OK, OK),
        ("ro", "ivhd0\n", None, OK, OK),
        ("ro", "smmu3.0x1\n", ARM, OK, OK),
        ("ro", "", INTEL, FAILED, FAILED),
        ("ro", "", None, FAILED, FAILED),
        ("ro", "", AMD, OK, FAILED),
        ("ro intel_iommu=on", "", INTEL, OK, FAILED),
        ("ro intel_iommu=on intel_iommu=off", "", INTEL, FAILED, FAILED),
        ("ro amd_iommu=off", "", AMD, FAILED, FAILED),
        ("ro intel_iommu=on amd_iommu=off", "", INTEL, OK, FAILED),
        ("ro iommu=off", "", AMD, FAILED, FAILED),
        ("ro iommu=pt", None, INTEL, UNKNOWN, UNKNOWN),
        ("ro iommu=pt", None, AMD, OK, UNKNOWN),
        ("ro iommu=off", None, AMD, FAILED, UNKNOWN),
    ],
)
def test_what_the_kernel_uses_decides(
    cmdline: str, iommus: str | None, vendor: str | None, asked: State, is_on: State
) -> None:
    here = host(cmdline, iommus, vendor)

    assert [each.state for each in said_by("iommu-asked", here)] == [asked]
    assert [each.state for each in said_by("iommu-on", here)] == [is_on]


@pytest.mark.parametrize(
    "line",
    [
        "DMAR: Intel(R) Virtualization Technology for Directed I/O",
        "pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40",
    ],
)
def test_where_sysfs_was_not_collected_the_log_tells(line: str) -> None:
    here = host("ro", None, None, f"[    0.0] Linux version 6.1\n[    0.5] {line}\n")

    assert [each.state for each in said_by("iommu-on", here)] == [OK]
    assert [each.state for each in said_by("iommu-asked", here)] == [OK]


START = "[    0.000000] Linux version 6.8.0 (buildd@host)"
ARM_START = "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd4f0]"


@pytest.mark.parametrize(
    ("lines", "asked", "is_on"),
    [
        ([ARM_START, "arm-smmu-v3 arm-smmu-v3.5.auto: ias 48-bit, oas 48-bit"], OK, OK),
        ([ARM_START, "arm-smmu 2b500000.iommu: SMMUv2 with:"], OK, OK),
        ([ARM_START, "mlx5_core 0005:03:00.0: Adding to iommu group 12"], OK, OK),
        ([ARM_START, "iommu: Adding device 0005:03:00.0 to group 12"], OK, OK),
        ([ARM_START, "mlx5_core 0005:03:00.0: firmware version: 28.39"], OK, FAILED),
        ([START, "PowerNV", "pci 0001:01:00.0: Adding to iommu group 1"], OK, OK),
        ([START, "Using pSeries machine description", "IOMMU table initialized"], OK, OK),
        ([START, "Using pSeries machine description"], OK, UNKNOWN),
        ([START, "smpboot: CPU0: Intel(R) Xeon(R)"], FAILED, FAILED),
        ([START, "smpboot: CPU0: AMD EPYC 7763"], OK, FAILED),
        ([START, "DMAR: IOMMU enabled"], FAILED, FAILED),
        ([START, "x86/fpu: Supporting XSAVE"], FAILED, FAILED),
        ([START, "iommu: Default domain type: Translated"], UNKNOWN, UNKNOWN),
        (
            [START, "vfio-pci 0000:05:00.1: Adding to iommu group 0", "vfio-noiommu group 0"],
            UNKNOWN,
            UNKNOWN,
        ),
        (["[    1.0] virtio_iommu virtio3: input address: 64 bits", START], OK, OK),
    ],
)
def test_the_log_of_each_kind_of_processor_tells(
    lines: list[str], asked: State, is_on: State
) -> None:
    here = host("ro", None, None, "".join(f"{line}\n" for line in lines))

    assert [each.state for each in said_by("iommu-on", here)] == [is_on]
    assert [each.state for each in said_by("iommu-asked", here)] == [asked]


@pytest.mark.parametrize(
    ("architecture", "iommus", "is_on"),
    [("aarch64", "", FAILED), ("ppc64le", "", UNKNOWN), ("ppc64le", "iommu-phb0000\n", OK)],
)
def test_power_has_tables_that_sysfs_may_not_show(
    architecture: str, iommus: str, is_on: State
) -> None:
    texts = {**VFS, LSPCI: ADAPTER, CMDLINE: "ro iommu=off\n", IOMMUS: iommus}
    here = host_with({**texts, LSCPU: f"Architecture:  {architecture}\n", DMESG: f"{START}\n"})

    assert [each.state for each in said_by("iommu-on", here)] == [is_on]


def test_xen_keeps_the_iommu_to_itself() -> None:
    here = host("ro", "", INTEL)
    cpu = {LSCPU: "Vendor ID: GenuineIntel\nHypervisor vendor:   Xen\n"}

    assert [e.state for e in said_by("iommu-on", host_with({**here.texts, **cpu}))] == [UNKNOWN]


@pytest.mark.parametrize(
    ("cmdline", "vendor", "asked"),
    [
        ("ro intel_iommu=sm_on,on", INTEL, OK),
        ("ro intel-iommu=on", INTEL, OK),
        ('ro "intel_iommu=on"', INTEL, OK),
        ("ro intel_iommu=off intel_iommu=on", INTEL, OK),
        ("ro intel_iommu=on,off", INTEL, FAILED),
        ("ro intel_iommu=sm_on", INTEL, FAILED),
        ("ro iommu=off iommu=pt", INTEL, FAILED),
        ("ro amd_iommu=off amd_iommu=force_enable", AMD, FAILED),
        ("ro -- iommu=off", AMD, OK),
        ("ro xiommu=off", AMD, OK),
        ("ro iommu=off", ARM, OK),
    ],
)
def test_parameters_are_heard_as_the_kernel_hears_them(
    cmdline: str, vendor: str, asked: State
) -> None:
    here = host(cmdline, "", vendor)
    cpu = {
        LSCPU: f"Architecture: {'aarch64' if vendor == ARM else 'x86_64'}\nVendor ID: {vendor}\n"
    }

    assert [e.state for e in said_by("iommu-asked", host_with({**here.texts, **cpu}))] == [asked]


def test_a_host_without_vfs_is_not_asked_for_an_iommu() -> None:
    here = host_with({LSPCI: ADAPTER, CMDLINE: "ro\n", IOMMUS: ""})

    assert said_by("iommu-asked", here) == []
    assert said_by("iommu-on", here) == []


def test_no_remedy_names_an_option_that_no_kernel_knows() -> None:
    answers = said_by("iommu-asked", host("ro", "", None)) + said_by("iommu-on", host("ro", ""))

    assert all("amd_iommu=on" not in each.remedy + each.wanted for each in answers)


@pytest.mark.parametrize(("entries", "text"), [(["dmar1", "dmar0"], "dmar0\ndmar1\n"), ([], "")])
def test_sysfs_is_read_as_it_stands(tmp_path: Path, entries: list[str], text: str) -> None:
    folder = tmp_path / "sys/class/iommu"
    folder.mkdir(parents=True)
    for name in entries:
        (folder / name).symlink_to("../../devices/virtual/iommu")

    assert read_host(tmp_path, commands={}).text(IOMMUS) == text


def test_a_kernel_without_such_a_folder_uses_none(tmp_path: Path) -> None:
    (tmp_path / "sys/class").mkdir(parents=True)

    assert read_host(tmp_path, commands={}).text(IOMMUS) == ""


def test_vfs_of_each_adapter_are_read_and_of_no_others(tmp_path: Path) -> None:
    (tmp_path / "sys/class").mkdir(parents=True)
    for pci, vendor in (("0000:05:00.0", "0x15b3"), ("0000:06:00.0", "0x8086")):
        folder = tmp_path / "sys/bus/pci/devices" / pci
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "sriov_numvfs").write_text("16\n")

    found = read_host(tmp_path, commands={}).matching("sys/bus/*")

    assert found == {"sys/bus/pci/devices/0000:05:00.0/sriov_numvfs": "16\n"}
