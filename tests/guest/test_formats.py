# SPDX-License-Identifier: Apache-2.0
"""Each format, against golden files.  `IBSTACK_WRITE_GOLDEN=1 pytest tests/guest` writes them."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guest.interfaces import CHILD, DHCP, IMAGE, INTERFACES, LEGACY, STATIC, WIDE
from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode
from ibstack.guest.config_file import NotExpressible
from ibstack.guest.formats import Format, render

if TYPE_CHECKING:
    from ibstack.guest.interface import GuestInterface

GOLDEN = Path(__file__).parent / "golden"

# What a tool has no word for, and what the person is told to use instead.
REFUSED = {
    ("legacy", Format.NETWORKD): "send the client-id ff:",
    ("legacy", Format.NETPLAN): "send the client-id ff:",
    ("legacy", Format.CLOUD_INIT): "send the client-id ff:",
    ("legacy", Format.CLOUD_INIT_V2): "send the client-id ff:",
    ("child", Format.NETPLAN): "make a child interface",
    ("child", Format.CLOUD_INIT): "make a child interface",
    ("child", Format.CLOUD_INIT_V2): "make a child interface",
    ("image", Format.CLOUD_INIT): "give --port or --mac",
    ("static", Format.CLOUD_INIT): "connected mode; use --format nm, networkd, netplan or ifcfg",
    ("static", Format.CLOUD_INIT_V2): "connected mode; use --format nm, networkd, netplan or ifcfg",
    ("wide", Format.CLOUD_INIT): "cloud-init cannot set connected mode",
    ("wide", Format.CLOUD_INIT_V2): "cloud-init cannot set connected mode",
    ("no-mtu", Format.CLOUD_INIT): "give --mtu: 2044",
}
CASES = list(itertools.product(INTERFACES, Format))


@pytest.mark.parametrize(
    ("name", "wanted"), [c for c in CASES if c not in REFUSED], ids=lambda v: getattr(v, "value", v)
)
def test_a_file_is_as_the_golden_one(name: str, wanted: Format) -> None:
    files = render(INTERFACES[name], wanted)
    folder = GOLDEN / wanted.value / name
    if os.environ.get("IBSTACK_WRITE_GOLDEN"):
        for file in files:
            path = folder / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)

    golden = {f"/{p.relative_to(folder)}": p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert {file.path: file.text for file in files} == golden


@pytest.mark.parametrize(("case", "why"), REFUSED.items())
def test_what_a_tool_cannot_be_told_is_refused_with_another_way(
    case: tuple[str, Format], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        render(INTERFACES[case[0]], case[1])


ODD = {
    "odd client-id": replace(DHCP, client_id="ff:00:01:02"),
    "odd client-id, connected": replace(WIDE, client_id="ff:00:01:02"),
    "odd client-id, child": replace(CHILD, client_id="ff:00:01:02"),
    "connected child": replace(CHILD, mtu_bytes=65520, mode=IpoibMode.CONNECTED),
}


def refusal(interface: GuestInterface, wanted: Format) -> NotExpressible | None:
    try:
        render(interface, wanted)
    except NotExpressible as error:
        return error
    except BadInput:
        return None
    return None


REFUSALS = [
    (interface, error)
    for interface in (*INTERFACES.values(), *ODD.values())
    for wanted in Format
    if (error := refusal(interface, wanted)) is not None
]


@pytest.mark.parametrize(("interface", "error"), REFUSALS)
def test_the_formats_that_a_refusal_names_take_the_interface(
    interface: GuestInterface, error: NotExpressible
) -> None:
    said = str(error).partition("use --format ")[2].partition(", or ")[0]

    named = re.split(", | or ", said)

    assert "nm" in named
    for each in named:
        assert render(interface, Format(each))


def test_a_client_id_that_networkd_cannot_send_is_refused() -> None:
    odd = replace(DHCP, client_id="01:02:03")

    with pytest.raises(NotExpressible, match="use --format nm"):
        render(odd, Format.NETWORKD)
    assert "dhcp-client-id=01:02:03\n" in render(odd, Format.NETWORK_MANAGER)[0].text


def test_an_identifier_of_the_ports_own_is_left_to_the_client() -> None:
    explicit = replace(DHCP, client_id="20:fa:16:3e:00:00:0a:bc:de")

    for wanted in Format:
        assert render(explicit, wanted) == render(DHCP, wanted)


def test_an_identifier_of_another_port_is_written() -> None:
    other = replace(DHCP, client_id="20:fa:16:3e:00:00:0a:bc:df")

    assert "dhcp-client-id=20:fa:" in render(other, Format.NETWORK_MANAGER)[0].text


def test_an_image_names_no_port() -> None:
    for wanted in set(Format) - {Format.CLOUD_INIT}:
        assert all("fa:16" not in file.text for file in render(IMAGE, wanted))


def test_the_uuid_of_a_connection_is_the_same_each_time() -> None:
    first, second = (render(STATIC, Format.NETWORK_MANAGER) for _ in range(2))

    assert first == second
    assert render(LEGACY, Format.NETWORK_MANAGER) != first


def test_connected_mode_is_set_by_udev_where_networkd_would_have_to() -> None:
    for wanted in (Format.NETWORKD, Format.NETPLAN):
        rule = render(STATIC, wanted)[-1]

        assert rule.path == "/etc/udev/rules.d/85-ib0-mode.rules", "behind 80-net-setup-link.rules"
        assert len(render(DHCP, wanted)) == 1


def test_a_keyfile_is_for_root_only() -> None:
    assert render(CHILD, Format.NETWORK_MANAGER)[0].mode == 0o600
