# SPDX-License-Identifier: Apache-2.0
"""The lab's `libvirt` does with domains what libvirt does, as far as nova looks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.nova import hypervisor as packages
from ibstack_lab.nova.hypervisor import libvirt
from ibstack_lab.nova.hypervisor.libvirt import domain_xml

from .conftest import OTHER, UUID, domain, hostdev

if TYPE_CHECKING:
    from .conftest import Hypervisor

LIFECYCLE, REMOVED = 0, 15
DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED = range(6)
VF = "0000:05:00.1"
PACKAGES = Path(str(packages.__file__)).parent


def test_it_is_nova_computes_libvirt_by_a_path_of_its_own() -> None:
    program = "import libvirt, sys; print(libvirt.getVersion(), *sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        check=True,
    )

    version, *modules = done.stdout.split()
    assert version == "10000000"
    assert "libvirt.domain" in modules
    assert not {"nova", "ibstack", "ibstack_lab"} & {name.partition(".")[0] for name in modules}


def test_it_has_every_constant_that_novas_driver_names() -> None:
    nova = importlib.util.find_spec("nova")
    assert nova is not None
    assert nova.submodule_search_locations is not None
    driver = Path(nova.submodule_search_locations[0]) / "virt" / "libvirt"
    wanted = {
        name
        for file in driver.rglob("*.py")
        for name in re.findall(r"libvirt\.(VIR_[A-Z0-9_]+)", file.read_text())
    }

    assert len(wanted) > 80
    assert {name for name in wanted if not hasattr(libvirt, name)} == set()


# A domain's life.


def test_a_domain_that_is_started_paused_starts_its_guest_when_it_resumes(
    hypervisor: Hypervisor,
) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    assert made.info()[0] == libvirt.VIR_DOMAIN_PAUSED
    assert hypervisor.drivers == {}

    made.resume()

    assert made.info()[0] == libvirt.VIR_DOMAIN_RUNNING
    assert hypervisor.drivers == {VF: UUID}
    assert hypervisor.events(4) == [
        (LIFECYCLE, UUID, DEFINED, 0),
        (LIFECYCLE, UUID, STARTED, 0),
        (LIFECYCLE, UUID, SUSPENDED, 0),
        (LIFECYCLE, UUID, RESUMED, 0),
    ]


def test_an_id_is_for_one_start(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID))
    assert made.ID() == -1
    made.createWithFlags()
    first = made.ID()
    made.destroy()
    assert made.ID() == -1
    made.createWithFlags()

    assert 0 < first < made.ID()


@pytest.mark.parametrize(("call", "detail"), [("destroy", 1), ("shutdown", 0), ("managedSave", 4)])
def test_a_domain_that_stops_gives_its_vf_back(
    hypervisor: Hypervisor, call: str, detail: int
) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()

    getattr(made, call)()

    assert hypervisor.drivers == {}
    assert made.info()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    assert hypervisor.events(3)[2] == (LIFECYCLE, UUID, STOPPED, detail)


def test_a_domain_that_stops_waits_for_its_guest(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()
    guest = hypervisor.guest_of(1)
    guest.touch()
    stopping = threading.Thread(target=made.destroy)
    stopping.start()
    while (hypervisor.folder / "guests" / VF).exists():
        assert stopping.is_alive()

    assert stopping.is_alive()
    guest.unlink()
    stopping.join(10)
    assert not stopping.is_alive()


def test_what_was_saved_goes_on_as_it_ran(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()
    made.managedSave()
    assert made.hasManagedSaveImage() == 1
    hypervisor.connection.defineXML(domain(UUID, 2))

    made.createWithFlags()

    assert hypervisor.drivers == {VF: UUID}
    assert made.hasManagedSaveImage() == 0
    assert domain_xml.pci_addresses(domain_xml.parse(made.XMLDesc(2))) == ("0000:05:00.2",)


def test_a_domain_is_undefined_when_it_does_not_run(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID))
    made.createWithFlags()
    with pytest.raises(libvirt.libvirtError, match="transient") as refused:
        made.undefineFlags(0)
    assert refused.value.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID
    made.destroy()

    made.undefineFlags(0)

    with pytest.raises(libvirt.libvirtError, match="Domain not found") as gone:
        hypervisor.connection.lookupByUUIDString(UUID)
    assert gone.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN


@pytest.mark.parametrize("call", ["destroy", "resume", "suspend", "shutdown"])
def test_what_does_not_run_is_not_stopped(hypervisor: Hypervisor, call: str) -> None:
    made = hypervisor.connection.defineXML(domain(UUID))

    with pytest.raises(libvirt.libvirtError, match="domain is not running") as refused:
        getattr(made, call)()
    assert refused.value.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID


# VFs.


@pytest.mark.parametrize("flags", [0, libvirt.VIR_DOMAIN_START_PAUSED])
def test_a_vf_that_a_domain_holds_is_given_to_no_other(hypervisor: Hypervisor, flags: int) -> None:
    first = hypervisor.connection.defineXML(domain(UUID, 1))
    first.createWithFlags(flags)
    second = hypervisor.connection.defineXML(domain(OTHER, 1))

    with pytest.raises(libvirt.libvirtError, match=f"{VF} is in use by driver QEMU, domain {UUID}"):
        second.createWithFlags()

    first.destroy()
    second.createWithFlags()
    assert hypervisor.drivers == {VF: OTHER}


def test_a_device_is_attached_and_detached_while_it_runs(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()
    both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG

    made.attachDeviceFlags(hostdev(2), both)

    assert hypervisor.drivers == {VF: UUID, "0000:05:00.2": UUID}
    assert '<alias name="hostdev1"' in made.XMLDesc()
    assert "alias" not in made.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)

    made.detachDeviceFlags(hostdev(1), both)

    assert hypervisor.drivers == {"0000:05:00.2": UUID}
    assert hypervisor.events(3)[2] == (REMOVED, UUID, "hostdev0")
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        left = domain_xml.pci_addresses(domain_xml.parse(made.XMLDesc(flags)))
        assert left == ("0000:05:00.2",)


def test_flags_of_zero_are_the_domain_as_it_is(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID))
    made.attachDeviceFlags(hostdev(1), 0)
    made.createWithFlags()
    made.attachDeviceFlags(hostdev(2), 0)

    configured = domain_xml.pci_addresses(domain_xml.parse(made.XMLDesc(2)))
    assert configured == (VF,)
    assert hypervisor.drivers == {VF: UUID, "0000:05:00.2": UUID}


def test_a_device_that_is_not_there_is_not_detached(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))

    with pytest.raises(libvirt.libvirtError, match="device not found") as missing:
        made.detachDeviceFlags(hostdev(3), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert missing.value.get_error_code() == libvirt.VIR_ERR_DEVICE_MISSING


# Killed and started again.


def test_domains_are_found_again(hypervisor: Hypervisor) -> None:
    hypervisor.connection.defineXML(domain(UUID, 1)).createWithFlags()
    hypervisor.connection.defineXML(domain(OTHER))

    hypervisor.connect()

    connection = hypervisor.connection
    active, inactive = (
        libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
        libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE,
    )
    assert [each.UUIDString() for each in connection.listAllDomains(active)] == [UUID]
    assert [each.UUIDString() for each in connection.listAllDomains(inactive)] == [OTHER]
    assert {each.name() for each in connection.listAllDomains()} == {
        "instance-b38a",
        "instance-0f7a",
    }
    assert hypervisor.drivers == {VF: UUID}


def test_what_was_written_down_and_not_done_is_done_at_the_next_start(
    hypervisor: Hypervisor,
) -> None:
    """As when nova-compute is killed inside a call: the file says what was decided."""
    hypervisor.connection.defineXML(domain(UUID, 1)).createWithFlags()
    drivers = hypervisor.folder / "guests"
    (drivers / VF).unlink()
    (drivers / "0000:05:00.3").write_text(f"{OTHER}\n")

    hypervisor.connect()

    assert hypervisor.drivers == {VF: UUID}


def test_a_paused_domain_is_found_as_it_was(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    ran = hypervisor.connection.defineXML(domain(OTHER, 2))
    ran.createWithFlags()
    ran.suspend()

    hypervisor.connect()

    assert hypervisor.drivers == {"0000:05:00.2": OTHER}


# Migration.


def test_a_migration_moves_a_domain_and_its_guest(hypervisor: Hypervisor, tmp_path: Path) -> None:
    there = tmp_path / "hosts" / "node003"
    (there / "domains").mkdir(parents=True)
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()

    made.migrateToURI3(
        "qemu+tcp://node003/system",
        {"destination_xml": domain(UUID, 3)},
        libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE,
    )

    assert hypervisor.drivers == {}
    assert (there / "guests" / "0000:05:00.3").read_text().strip() == UUID
    assert hypervisor.connection.listAllDomains() == []
    assert made.jobStats()["type"] == libvirt.VIR_DOMAIN_JOB_COMPLETED


def test_a_migration_to_nowhere_changes_nothing(hypervisor: Hypervisor) -> None:
    made = hypervisor.connection.defineXML(domain(UUID, 1))
    made.createWithFlags()

    with pytest.raises(libvirt.libvirtError, match="unable to connect"):
        made.migrateToURI3("qemu+tcp://node009/system", {}, libvirt.VIR_MIGRATE_LIVE)

    assert hypervisor.drivers == {VF: UUID}
    assert made.isActive() == 1


# The host.


def test_the_hosts_functions_are_those_of_its_sysfs(hypervisor: Hypervisor) -> None:
    pci = libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV
    functions = {each.name(): each for each in hypervisor.connection.listAllDevices(pci)}

    assert list(functions) == [f"pci_0000_05_00_{n}" for n in range(5)]
    physical = domain_xml.parse(functions["pci_0000_05_00_0"].XMLDesc())
    virtual = domain_xml.parse(functions["pci_0000_05_00_2"].XMLDesc())
    below = physical.findall("capability/capability[@type='virt_functions']/address")
    assert [each.get("function") for each in below] == ["0x1", "0x2", "0x3", "0x4"]
    above = virtual.find("capability/capability[@type='phys_function']/address")
    assert above is not None
    assert above.get("function") == "0x0"
    product = virtual.find("capability/product")
    assert product is not None
    assert product.get("id") == "0x1004"
    assert functions["pci_0000_05_00_2"].parent() == "pci_0000_05_00_0"


def test_the_link_of_the_adapter_is_a_device_of_it(hypervisor: Hypervisor) -> None:
    (link,) = hypervisor.connection.listAllDevices(libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET)

    assert link.parent() == "pci_0000_05_00_0"
    assert domain_xml.parse(link.XMLDesc()).findtext("capability/interface") == "ib0"
    assert hypervisor.connection.nodeDeviceLookupByName(link.name()) == link


def test_a_device_that_nobody_has_is_not_found(hypervisor: Hypervisor) -> None:
    with pytest.raises(libvirt.libvirtError) as missing:
        hypervisor.connection.nodeDeviceLookupByName("pci_0000_09_00_0")
    assert missing.value.get_error_code() == libvirt.VIR_ERR_NO_NODE_DEVICE
