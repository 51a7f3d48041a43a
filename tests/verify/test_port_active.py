# SPDX-License-Identifier: Apache-2.0
"""A port is looked at where it serves: not another card's, not one that is a VF."""

from __future__ import annotations

import json

from ibstack.facts.evidence import ESWITCHD_CONF, HOST_SHOW, IBSTAT, LSPCI
from ibstack.verify.check import State
from verify.judged import host_with, said_by

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
LISTED = {LSPCI: "05:00.0 Infiniband controller: Mellanox Technologies MT28908 Family\n"}
MAPPED = {ESWITCHD_CONF: "[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n"}
UP = ("Active", "LinkUp", "InfiniBand")
DARK = ("Down", "Polling", "InfiniBand")
NIC = ("Active", "LinkUp", "Ethernet")
GUID = "0x0002c903000000{:02x}"


def ca(name: str, kind: str, *ports: tuple[str, str, str], first: int = 0x41) -> str:
    """Return ibstat's stanza of an adapter."""
    lines = [f"CA '{name}'", f"\tCA type: {kind}", f"\tNumber of ports: {len(ports)}"]
    for number, (state, physical, link) in enumerate(ports, 1):
        keys = (f"State: {state}", f"Physical state: {physical}", f"Link layer: {link}")
        guid = f"Port GUID: {GUID.format(first + number - 1)}"
        lines += [f"\tPort {number}:", *(f"\t\t{key}" for key in (*keys, guid))]
    return "\n".join(lines) + "\n"


def shows(device: str, guid: str | None = None) -> dict[str, str]:
    row = {"physical_network": "ibhostnet", "interface": "ib0", "device": device}
    return {HOST_SHOW: json.dumps([{**row, "port_guid": guid}])}


def test_an_ethernet_card_beside_the_adapter_is_not_looked_at() -> None:
    text = ca("mlx5_0", "MT4123", UP) + ca("mlx5_1", "MT4117", NIC, first=0x51)

    for mapping in ({**MAPPED, **shows("mlx5_0")}, {}):
        answers = said_by("port-active", host_with({**LISTED, **mapping, IBSTAT: text}))
        assert [(each.thing, each.state) for each in answers] == [("adapter mlx5_0", OK)]


def test_a_vf_that_the_host_uses_is_not_looked_at() -> None:
    text = ca("mlx5_0", "MT4123", UP) + ca("mlx5_1", "MT4124", DARK, first=0x51)

    answers = said_by("port-active", host_with({**LISTED, IBSTAT: text}))

    assert [(each.thing, each.state) for each in answers] == [("adapter mlx5_0", OK)]


def test_of_two_ports_the_mapped_one_counts() -> None:
    text = ca("mlx4_0", "MT4099", DARK, UP)
    mapping = {**MAPPED, **shows("mlx4_0", GUID.format(0x41))}

    (answer,) = said_by("port-active", host_with({**LISTED, **mapping, IBSTAT: text}))

    assert (answer.state, answer.found) == (FAILED, "Down, Polling, InfiniBand")


def test_a_mapped_port_that_is_ethernet_fails_and_the_remedy_names_the_port() -> None:
    text = ca("mlx5_0", "MT4123", UP, NIC)
    mapping = {**MAPPED, **shows("mlx5_0", GUID.format(0x42))}

    (answer,) = said_by("port-active", host_with({**LISTED, **mapping, IBSTAT: text}))

    assert answer.state is FAILED
    assert "LINK_TYPE_P2=1" in answer.remedy


def test_an_adapter_that_is_served_and_not_shown_fails() -> None:
    host = host_with({**LISTED, **MAPPED, **shows("mlx5_7"), IBSTAT: ca("mlx5_0", "MT4123", UP)})

    (answer,) = said_by("port-active", host)

    assert (answer.thing, answer.state) == ("adapter mlx5_7", FAILED)


def test_a_host_with_ethernet_alone_is_left_alone_unless_it_is_to_serve() -> None:
    ethernet = {**LISTED, IBSTAT: ca("mlx5_0", "MT4117", NIC)}

    assert said_by("port-active", host_with(ethernet)) == []
    answers = said_by("port-active", host_with({**ethernet, **MAPPED, HOST_SHOW: "ibstack: no\n"}))
    assert [each.state for each in answers] == [UNKNOWN]
