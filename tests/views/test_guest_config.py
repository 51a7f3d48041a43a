# SPDX-License-Identifier: Apache-2.0
"""What a person says of a guest's interface: what cannot be meant is named, with what can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.views.guest_config import FORMATS, Settings, Words, guest_config, write_files

if TYPE_CHECKING:
    from pathlib import Path

MAC = "fa:16:3e:0a:bc:de"
DHCP, WITH_MAC = Words(dhcp=True), Words(dhcp=True, mac=MAC)
USUAL = Settings()


@pytest.mark.parametrize(
    ("form", "words", "settings", "said"),
    [
        ("nm", Words(), USUAL, "it has no address of either family; give --dhcp or --cidr"),
        ("nm", Words(dhcp=True, cidr=["10.7.0.2/24"]), USUAL, "--dhcp and an IPv4 --cidr exclude"),
        ("nm", Words(cidr=["10.7.0.2/33"]), USUAL, "address '10.7.0.2/33'"),
        ("nm", Words(cidr=["10.7.0.2"]), USUAL, "the length of its prefix is missing"),
        ("nm", Words(cidr=["2001:db8::2"]), USUAL, "the length of its prefix is missing"),
        ("nm", Words(cidr=["10.7.0.2/24"], gateway=["10.8.0.1"]), USUAL, "is in no subnet"),
        ("nm", Words(dhcp=True, dns=["here"]), USUAL, "DNS server 'here'"),
        (
            "nm",
            Words(dhcp=True, mac="01:16:3e:0a:bc:de"),
            USUAL,
            "a multicast address names no port",
        ),
        ("nm", DHCP, Settings(mtu_bytes=65520), "up to 65520 in connected mode"),
        ("nm", DHCP, Settings(mtu_bytes=9000), "MTU '9000': must be 68 to 4092"),
        ("nm", DHCP, Settings(partition_key="0x8001"), "partition key '0x8001'"),
        ("nm", DHCP, Settings(client_id_form="legacy"), "give a --port or a --mac"),
        ("nm", DHCP, Settings("ibP257s429327abc"), "then up to 14 letters"),
        ("nm", DHCP, Settings("ib.8001"), "then up to 14 letters"),
        ("nm", DHCP, Settings("ibP257s4293", partition_key="1"), "then up to 9 letters"),
        (
            "netplan",
            DHCP,
            Settings(client_id="ff:00:01"),
            "use --format nm or ifcfg, or client-ids",
        ),
        ("networkd", WITH_MAC, Settings(client_id_form="legacy"), "use --format nm"),
        ("cloud-init", DHCP, USUAL, "give --port or --mac"),
        ("cloud-init", WITH_MAC, USUAL, "give --mtu: 2044"),
        ("cloud-init", WITH_MAC, Settings(mtu_bytes=65520, mode="connected"), "use --format nm"),
        ("cloud-init-v2", WITH_MAC, Settings(mode="connected"), "networkd, netplan or ifcfg"),
    ],
)
def test_what_cannot_be_meant_is_named(
    form: str, words: Words, settings: Settings, said: str
) -> None:
    with pytest.raises(BadInput) as raised:
        guest_config(words, settings, form)

    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("form", "words", "settings"),
    [
        ("nm", DHCP, Settings(partition_key="0x9")),
        ("nm", DHCP, Settings("ibP257s429327")),
        ("nm", DHCP, Settings("ibP257s429327ab")),
        ("nm", DHCP, Settings("ibP257s429", partition_key="1")),
        ("cloud-init", WITH_MAC, Settings(mtu_bytes=2044)),
    ],
)
def test_what_can_be_meant_is_made(form: str, words: Words, settings: Settings) -> None:
    assert guest_config(words, settings, form)


def test_every_format_that_is_named_is_one() -> None:
    for form in FORMATS:
        assert guest_config(WITH_MAC, Settings(mtu_bytes=2044), form), form


def test_a_guid_counts_in_place_of_the_one_of_the_mac() -> None:
    legacy = Settings(client_id_form="legacy")

    (of_mac,) = guest_config(WITH_MAC, legacy, "nm")
    (of_guid,) = guest_config(Words(dhcp=True, mac=MAC, guid="0x0123456789abcdef"), legacy, "nm")

    assert "01:23:45:67:89:ab:cd:ef" in of_guid.text
    assert "01:23:45:67:89:ab:cd:ef" not in of_mac.text


def test_files_are_written_into_an_image(tmp_path: Path) -> None:
    files = guest_config(DHCP, USUAL, "nm")

    (path,) = write_files(files, tmp_path, replace=False)

    assert path == tmp_path / "etc/NetworkManager/system-connections/ib0.nmconnection"
    assert path.read_text() == files[0].text
