# SPDX-License-Identifier: Apache-2.0
"""What is desired, as it is told fast, beside the same worked out slowly and plainly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import KeyRange
from ibstack.fabric.pci import PciAddress, unfold
from ibstack.neutron.protocol.agent_report import ReportedAdapter
from ibstack.neutron.server.desired import AgentPort, Fabric, FabricRows, MemberPort
from ibstack.neutron.server.fabric_answer import fabric_answer
from neutron_walk import HOSTS, Walk

FABRIC = Fabric("ib", KeyRange.parse("0x0001-0x0003"))
BROKEN = '{"pci_slot": '
ON = st.sampled_from(["node001", "node002", "node003", "node 4 0x0001 full\n"])
KEYS = st.sampled_from([None, 0, 1, 2, 4, 0x7FFF])
ADAPTERS = st.lists(
    st.builds(
        ReportedAdapter,
        physical_network=st.sampled_from(["ib", "ib", "other"]),
        shares_table=st.booleans(),
        port_guid=st.sampled_from([None, Guid(0x0002C90300000031), Guid(0x0002C90300000041)]),
        vfs=st.sampled_from([unfold("0000:05:00.1-0000:05:00.2"), unfold("0000:06:00.1")]),
    ),
    max_size=3,
).map(tuple)
PORTS = st.lists(
    st.builds(
        MemberPort,
        port_id=st.sampled_from("abcdef"),
        mac=st.sampled_from(["fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "ff:16:3e:00:00:01"]),
        host=ON,
        profile=st.sampled_from(
            ["", "{}", BROKEN, *(json.dumps({"pci_slot": f"0000:0{n}:00.1"}) for n in (5, 6, 7))]
        ),
        segmentation_id=KEYS,
    ),
    max_size=5,
    unique_by=lambda port: port.port_id,
)
ROWS = st.builds(
    FabricRows,
    ports=PORTS,
    own=st.lists(
        st.builds(AgentPort, st.sampled_from("ghi"), ON, KEYS),
        max_size=2,
        unique_by=lambda port: port.port_id,
    ),
    waiting=st.frozensets(st.sampled_from("abcz"), max_size=2),
    twins=st.sampled_from([{}, {}, {"b": "a"}]),
    adapters=st.dictionaries(ON, ADAPTERS, max_size=3),
)


def plain_key(port: MemberPort | AgentPort) -> str | None:
    return f"0x{port.segmentation_id:04x}" if port.segmentation_id in {1, 2, 3} else None


def plain_members(port: MemberPort | AgentPort, rows: FabricRows) -> list[tuple[Any, ...]] | None:
    """Return (guid, shared) of each membership of *port*; None where it has none."""
    if plain_key(port) is None or port.port_id in rows.twins or port.host not in rows.adapters:
        return None
    here = [one for one in rows.adapters[port.host] if one.physical_network == "ib"]
    if contested(port, here, rows):
        return None
    guids = [f"0x{one.port_guid.value:016x}" for one in here if one.port_guid is not None]
    if isinstance(port, AgentPort):
        return [(guid, True) for guid in sorted(guids)] or None
    if port.mac.startswith("ff") or port.profile == BROKEN:
        return None
    slot = json.loads(port.profile or "{}").get("pci_slot")
    mine = [one for one in here if slot is None or PciAddress.parse(slot) in one.vfs]
    if any(one.shares_table for one in mine):
        (alone,) = mine if len(mine) == 1 else (None,)
        return [(str(alone.port_guid), True)] if alone and alone.port_guid else None
    own = f"0x{port.mac[:8]}0000{port.mac[9:]}".replace(":", "")
    return [(own, False)] if mine else None


def contested(port: MemberPort | AgentPort, here: list[ReportedAdapter], rows: FabricRows) -> bool:
    """Return whether another host reports the port GUID of an adapter that *port* may be on."""
    others = [
        one.port_guid
        for host, adapters in rows.adapters.items()
        for one in adapters
        if host != port.host and one.physical_network == "ib" and one.port_guid
    ]
    if isinstance(port, MemberPort) and not port.mac.startswith("ff"):
        if port.profile == BROKEN:
            return False
        slot = json.loads(port.profile or "{}").get("pci_slot")
        here = [one for one in here if slot is None or PciAddress.parse(slot) in one.vfs]
    return any(one.port_guid in others for one in here)


def keeps(port: MemberPort | AgentPort, rows: FabricRows) -> bool:
    """Return whether a port that is held may keep what it has: only its adapter is not known."""
    told_wrong = port.port_id in rows.twins or plain_key(port) is None
    if isinstance(port, AgentPort) or told_wrong:
        return not told_wrong
    never_reported = port.host not in rows.adapters
    return not port.mac.startswith("ff") and (never_reported or port.profile != BROKEN)


@given(ROWS)
def test_every_port_is_told_as_the_plain_rules_say(rows: FabricRows) -> None:
    answer = fabric_answer(rows, FABRIC, None, "then")

    held = {one["port_id"]: one for one in answer["held"]}
    every: list[MemberPort | AgentPort] = [*rows.ports, *rows.own]
    for port in every:
        told = [one for one in answer["members"] if one["port_id"] == port.port_id]
        wanted = plain_members(port, rows)
        assert [(one["guid"], one["shared"]) for one in told] == (wanted or [])
        assert {(one["host"], one["key"], one["membership"]) for one in told} <= {
            (port.host, plain_key(port), "full")
        }
        assert (port.port_id in held) is (wanted is None)
        if wanted is None:
            kept = held[port.port_id].get("host"), held[port.port_id].get("key")
            assert kept == ((port.host, plain_key(port)) if keeps(port, rows) else (None, None))


@given(ROWS, ROWS, st.sampled_from(["ports", "own", "waiting", "twins", "adapters"]))
def test_etags_are_equal_where_answers_and_those_that_wait_are(
    rows: FabricRows, others: FabricRows, what: str
) -> None:
    almost = replace(rows, **{what: getattr(others, what)})
    moved = replace(rows, ports=[port._replace(host="node001") for port in rows.ports])

    for other in (almost, moved):
        assert (told(rows)[0] == told(other)[0]) is (told(rows)[1] == told(other)[1])


def told(rows: FabricRows) -> tuple[str, str]:
    """Return the etag, and all that it stands for."""
    answer = fabric_answer(rows, FABRIC, None, "then")
    waiting = sorted(port.port_id for port in rows.ports if port.port_id in rows.waiting)
    also = [answer["hosts"], answer.get("claims")]
    return answer["etag"], json.dumps(
        [answer["members"], answer["held"], waiting, also], sort_keys=True
    )


def test_what_neutrons_own_api_shows_is_what_is_told(cloud: Any) -> None:
    walk = Walk(cloud, seed=7)
    for _ in range(30):
        walk.step()

        ports = cloud.plugin.get_ports(cloud.fresh())
        bound = [one for one in ports if one["binding:vif_type"] in {"ib_hostdev", "other"}]
        answer = cloud.wanted_of()
        assert {one["port_id"] for one in [*answer["members"], *answer["held"]]} == {
            port["id"] for port in bound if port["admin_state_up"]
        }
        for host in HOSTS:
            assert {one["id"] for one in cloud.wanted_on(host)["ports"]} == {
                port["id"]
                for port in bound
                if port["binding:host_id"] == host and port["binding:vif_type"] == "ib_hostdev"
            }
        unknown = {*walk.ports, "gone"} - {port["id"] for port in bound}
        assert cloud.in_force(*walk.ports, "gone") == sorted(unknown)
