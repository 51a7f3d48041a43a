# SPDX-License-Identifier: Apache-2.0
"""What Neutron and fabricd believe of each other where they have a key."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadInput, Refused
from ibstack.fabric.neutron_names import IB_FABRIC
from ibstack.neutron.rpc import PluginEndpoint
from ibstack.neutron.signature import REPORT_VALID_S, Signer

if TYPE_CHECKING:
    from pathlib import Path

KEY = "k" * 32
FABRIC, NODE = "ibhostnet", "node003"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(anything, anything)
def test_a_signature_is_of_one_content_also_after_the_wire(one: Any, other: Any) -> None:
    signer = Signer(KEY.encode())
    signature = signer.sign("m", one)

    assert signer.is_of(signature, "m", json.loads(json.dumps(one)))
    assert signer.is_of(signature, "m", other) is (json.dumps(one) == json.dumps(other))
    assert not signer.is_of(signature, "other", one)
    assert not Signer(b"another key, which is no shorter").is_of(signature, "m", one)


@pytest.mark.parametrize("signature", [None, 7, "", "é", {}, b"x"])
def test_nonsense_is_no_signature(signature: Any) -> None:
    assert not Signer(KEY.encode()).is_of(signature, "m")
    assert not Signer(KEY.encode()).is_of("0" * 64, {1: 2, "1": 3}, object())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "answer.key"
    file.write_text(KEY + "\n")
    file.chmod(0o640)
    return file


def test_no_file_is_no_key(key_file: Path) -> None:
    assert Signer.read("") is None
    found = Signer.read(str(key_file))
    assert found is not None
    assert found.sign("x") == Signer(KEY.encode()).sign("x")


@pytest.mark.parametrize(
    ("mode", "text", "why"),
    [
        (0o644, KEY, "every user may read it"),
        (0o600, "short", "has 5 bytes"),
        (0o600, "", "has 0 bytes"),
        (0o600, "k" * 5000, "has 4097 bytes"),
    ],
)
def test_a_key_that_is_none_is_refused(key_file: Path, mode: int, text: str, why: str) -> None:
    key_file.write_text(text)
    key_file.chmod(mode)

    with pytest.raises(BadInput, match=why) as refused:
        Signer.read(str(key_file))
    assert "kkk" not in str(refused.value)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read answer_key_file"):
        Signer.read(str(tmp_path / "none"))


@pytest.fixture
def signed(cloud: Any, key_file: Path) -> Any:
    """A Neutron with a key."""
    settings = replace(cloud.driver.settings, answer_key_file=str(key_file))
    cloud.rpc = PluginEndpoint(settings)
    cloud.agent()
    cloud.fabricd()
    return cloud


def test_an_answer_is_signed_for_who_asks_with_a_nonce(signed: Any) -> None:
    ask = {"physical_network": FABRIC, "etag": None}
    assert "signature" not in signed.rpc.fabric_members(signed.fresh(), **ask)

    answer = signed.rpc.fabric_members(signed.fresh(), **ask, nonce="n1")

    signature, signer = answer.pop("signature"), Signer(KEY.encode())
    assert signer.is_of(signature, "fabric_members", "n1", FABRIC, None, answer)
    assert not signer.is_of(signature, "fabric_members", "n2", FABRIC, None, answer)
    assert not signer.is_of(signature, "fabric_members", "n1", FABRIC, "e", answer)


def report(cloud: Any, port: str, signer: Signer | None, at: Any = None) -> Any:
    told = {"physical_network": FABRIC, "etag": "e", "in_force": [port]}
    more = {} if signer is None else {
        "at": at, "signature": signer.sign("report_fabric", *told.values(), at)
    }  # fmt: skip
    return more.get("signature"), cloud.rpc.report_fabric(cloud.fresh(), **told, **more)


@pytest.mark.parametrize(
    ("key", "since_s", "why"),
    [
        (None, 0, "it has no signature"),
        ("another key, which is no shorter", 0, "another key"),
        (KEY, REPORT_VALID_S + 60, "too long ago"),
        (KEY, -REPORT_VALID_S - 60, "the clocks differ"),
        (KEY, None, "too long ago"),
    ],
)
def test_a_report_that_is_not_fabricds_of_now_completes_nothing(
    signed: Any, caplog: Any, key: str | None, since_s: int | None, why: str
) -> None:
    port = signed.port(signed.network(5), NODE, pci="0000:05:00.1")["id"]
    signed.ready(port)
    at = None if since_s is None else int(time.time()) - since_s

    with pytest.raises(oslo_messaging.ExpectedException) as refused:
        report(signed, port, Signer(key.encode()) if key else None, at)

    assert isinstance(refused.value.exc_info[1], Refused)
    assert why in caplog.text
    assert IB_FABRIC in signed.blocks(port)
    assert signed.status(port) == "DOWN"


def test_fabricds_own_report_makes_the_port_active(signed: Any) -> None:
    port = signed.port(signed.network(5), NODE, pci="0000:05:00.1")["id"]
    signed.ready(port)
    assert signed.status(port) == "DOWN"

    said, answer = report(signed, port, Signer(KEY.encode()), int(time.time()))

    assert signed.status(port) == "ACTIVE"
    assert answer.pop("signature") == Signer(KEY.encode()).sign("reported", said, answer)


def test_while_the_key_is_brought_out_reports_without_it_count(signed: Any, key_file: Path) -> None:
    settings = replace(
        signed.driver.settings, answer_key_file=str(key_file), accept_unsigned_reports=True
    )
    signed.rpc = PluginEndpoint(settings)
    port = signed.port(signed.network(5), NODE, pci="0000:05:00.1")["id"]
    signed.ready(port)

    with pytest.raises(oslo_messaging.ExpectedException):
        report(signed, port, Signer(b"another key, which is no shorter"), int(time.time()))
    assert signed.status(port) == "DOWN"
    assert report(signed, port, None) == (None, {"unknown": []})

    assert signed.status(port) == "ACTIVE"


def test_a_report_of_another_host_changes_no_port(cloud: Any) -> None:
    cloud.agent()
    port = cloud.port(cloud.network(5), NODE, pci="0000:05:00.1")["id"]

    assert cloud.ready(port, host="node002") == [port]
    assert cloud.failed(port, host="node002") == [port]
    assert cloud.gone(port, host="node002") == [port]

    assert cloud.status(port) == "DOWN"
