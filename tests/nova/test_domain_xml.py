# SPDX-License-Identifier: Apache-2.0
"""What nova would have libvirt define for our VIF, judged by libvirt's own schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from ibstack_lab.services.neutron_stand_in import StandInPort
from nova_process import NovaCompute

# Debian package libvirt0.
DOMAIN_SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")

PORT = StandInPort(
    id="port-0",
    mac="fa:16:3e:00:00:00",
    entry="0x8001",
    physical_network="ibhostnet",
    pci="0000:05:00.1",
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not DOMAIN_SCHEMA.exists(), reason="needs the schemas of Debian package libvirt0"
    ),
]


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> str:
    nova = NovaCompute.start(tmp_path_factory.mktemp("nova") / "unused.sock")
    try:
        return str(nova.ask("domain", PORT)["result"])
    finally:
        nova.stop()


@pytest.fixture(scope="module")
def schema() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(DOMAIN_SCHEMA))


def test_libvirt_takes_the_domain(domain: str, schema: etree.RelaxNG) -> None:
    schema.assertValid(etree.fromstring(domain))


def test_the_domain_has_the_vf_passed_through(domain: str) -> None:
    (device,) = etree.fromstring(domain).findall("devices/hostdev")
    address = device.find("source/address")

    assert dict(device.attrib) == {"mode": "subsystem", "type": "pci", "managed": "yes"}
    assert dict(address.attrib) == {
        "domain": "0x0000",
        "bus": "0x05",
        "slot": "0x00",
        "function": "0x1",
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('managed="yes"', 'managed="maybe"'),
        ('function="0x1"', 'function="0x9"'),
        ('bus="0x05"', 'bus="05:"'),
    ],
)
def test_libvirt_rejects_a_broken_domain(
    domain: str, schema: etree.RelaxNG, right: str, wrong: str
) -> None:
    assert right in domain

    assert not schema.validate(etree.fromstring(domain.replace(right, wrong)))
