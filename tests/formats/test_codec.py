# SPDX-License-Identifier: Apache-2.0
"""Dataclasses cross as JSON, byte for byte as ever, and what is none is refused where it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import BadShape, from_json, none_as_empty, record, to_json, wire
from ibstack.host.client.observed import (
    AttachmentState,
    BlockedPlug,
    Link,
    ObservedAdapter,
    ObservedAttachment,
    ObservedHost,
    ObservedVf,
)
from ibstack.host.eswitchd.attachments import Attachment, Configured
from strategies import entries, guids, pci_addresses

texts = st.text(max_size=6)
MAC, PCI = "fa:16:3e:00:00:01", PciAddress.parse("0000:05:00.1")
ENTRY = TableEntry(PartitionKey(1), full_member=True)
VF = ObservedVf(PCI, 0, Guid(0x11), ENTRY, 3, Link.AUTO, smi=False)
ADAPTER = ObservedAdapter(
    "ib", "ib0", "mlx4_0", 1, AdapterKind.MLX4, PCI, Guid(0x21), "active", (VF,)
)
HOST = ObservedHost(
    7,
    (ADAPTER,),
    (ObservedAttachment("ib", MAC, PCI, AttachmentState.PENDING, "waits", "i-1", served=True),),
    ("a problem",),
    (BlockedPlug("ib", MAC, PCI, refused=False, why="who"),),
)
OF_A_HOST = (
    '{"sequence":7,"adapters":[{"physical_network":"ib","interface":"ib0","device":"mlx4_0",'
    '"port":1,"kind":"mlx4","pci":"0000:05:00.1","port_guid":"0x0000000000000021",'
    '"port_state":"active","vfs":[{"pci":"0000:05:00.1","number":0,"guid":"0x0000000000000011",'
    '"entry":"0x8001","index":3,"link":"auto","smi":false}],"entries":null}],"attachments":[{'
    '"physical_network":"ib","mac":"fa:16:3e:00:00:01","pci":"0000:05:00.1","state":"pending",'
    '"why":"waits","instance":"i-1","served":true,"guest":null}],"problems":["a problem"],'
    '"held_up":[{"physical_network":"ib","mac":"fa:16:3e:00:00:01","pci":"0000:05:00.1",'
    '"refused":false,"why":"who"}]}'
)
OF_AN_ATTACHMENT = (
    '{"physical_network": "ib", "mac": "fa:16:3e:00:00:01", "pci": "0000:05:00.1", "interface":'
    ' "ib0", "configured": {"entry": "0x8001", "link_up": true}, "leaving": false, "instance":'
    ' null, "left": false}'
)


@record
@dataclass(frozen=True, slots=True)
class Inner:
    guid: Guid
    entry: TableEntry | None
    tags: frozenset[str] = frozenset()


@record
@dataclass(frozen=True, slots=True)
class Outer:
    number: int
    share: float
    kind: AdapterKind
    pci: PciAddress = field(metadata=wire("slot"))
    inner: tuple[Inner, ...] = ()
    by_guid: dict[Guid, bool] = field(default_factory=dict)
    maybe: tuple[str, ...] | None = None


outers = st.builds(
    Outer,
    st.integers(),
    st.floats(allow_nan=False) | st.integers(),
    st.sampled_from(AdapterKind),
    pci_addresses,
    st.lists(
        st.builds(Inner, guids, st.none() | entries, st.frozensets(texts, max_size=3)), max_size=3
    ).map(tuple),
    st.dictionaries(guids, st.booleans(), max_size=3),
    st.none() | st.lists(texts, max_size=2).map(tuple),
)
GOOD: dict[str, Any] = {"number": 1, "share": 0.5, "kind": "mlx5", "slot": "0000:05:00.1"}


@given(outers)
def test_what_is_written_is_read(value: Outer) -> None:
    assert from_json(Outer, json.loads(json.dumps(to_json(value))), whole=True) == value


def test_the_bytes_are_those_of_the_release_before() -> None:
    attachment = Attachment("ib", MAC, PCI, "ib0", Configured(ENTRY, link_up=True))

    assert json.dumps(to_json(HOST), separators=(",", ":")) == OF_A_HOST
    assert from_json(ObservedHost, json.loads(OF_A_HOST)) == HOST
    older = OF_A_HOST.replace(',"entries":null', "")
    assert from_json(ObservedHost, json.loads(older)) == HOST
    assert json.dumps(to_json(attachment)) == OF_AN_ATTACHMENT
    assert from_json(Attachment, json.loads(OF_AN_ATTACHMENT)) == attachment


def test_a_default_may_be_missing_and_a_new_key_is_passed_over() -> None:
    assert from_json(Outer, {**GOOD, "new": 1}) == Outer(1, 0.5, AdapterKind.MLX5, PCI)
    with pytest.raises(BadShape, match="it has no 'inner'"):
        from_json(Outer, GOOD, whole=True)


def test_null_may_mean_empty() -> None:
    assert none_as_empty(tuple[int, ...])(None) == ()
    assert none_as_empty(dict[str, int])(None) == {}
    assert none_as_empty(tuple[int, ...])([1]) == (1,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": True}, "number: expected a whole number, got true"),
        ({"number": "1"}, "number: expected a whole number, got '1'"),
        ({"share": "x"}, "share: expected a number, got 'x'"),
        ({"kind": "mlx6"}, "kind: 'mlx6' is not a valid AdapterKind"),
        ({"slot": 5}, "slot: expected a string, got 5"),
        ({"slot": "x"}, "slot: PCI address 'x'"),
        ({"inner": {}}, "inner: expected a list, got {}"),
        ({"inner": [{"guid": "0x1", "entry": "0x0000"}]}, "inner[0].entry: P_Key table entry"),
        ({"inner": [{"guid": "0x1", "entry": None}, 3]}, "inner[1]: expected an object, got 3"),
        (
            {"inner": [{"guid": "0x1", "entry": None, "tags": [1]}]},
            "inner[0].tags[0]: expected a string",
        ),
        ({"inner": [{"entry": None}]}, "inner[0]: it has no 'guid'"),
        ({"by_guid": {"x": True}}, "by_guid.x: GUID 'x'"),
        ({"by_guid": {"0x1": 1}}, "by_guid.0x1: expected true or false, got 1"),
        ({"maybe": "x"}, "maybe: expected a list, got 'x'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadShape) as caught:
        from_json(Outer, {**GOOD, **change})

    assert str(caught.value).startswith(said)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "inner", "by_guid", "maybe"]), anything) | anything)
def test_nothing_else_is_raised(raw: Any) -> None:
    for kind in (Outer, ObservedHost, Attachment):
        try:
            from_json(kind, raw)
        except BadShape:
            continue
