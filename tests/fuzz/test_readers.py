# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a file or a message, its reader takes it or says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.seeds import SEEDS
from fuzz.targets import TARGETS
from ibstack.fabric.errors import BadValue
from ibstack.fabric.pci import unfold
from ibstack.neutron.protocol import agent_report

EXAMPLES, EXAMPLES_OF_A_SLOW_ONE = 400, 50
SLOW = {"eswitchd_request", "sysfs"}
"""They write hundreds of files for each input."""
CORPUS = Path(__file__).with_name("corpus")

_TOKENS = [
    *(b"\0", b"\xff", b"\n", b"\r\n", b";", b":", b",", b"=", b"#", b"[", b"]", b"{", b"}", b'"'),
    *(b"0x7fff", b"0x18001", b"ALL", b"full", b"null", b"-1", b"1e999", b"&a *a", b"- " * 200),
    *(b"[" * 5000, b"9" * 5000, b"x" * 5000, b"\xef\xbb\xbf", "\u2028".encode()),
]


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Something right with pieces cut out, doubled and put in."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(
            st.sampled_from(_TOKENS) | st.binary(max_size=8) | st.just(data[start:end] * 2)
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("place", sorted(CORPUS.rglob("*/*")), ids=lambda place: place.name)
def test_what_crashed_a_reader_once(place: Path) -> None:
    TARGETS[place.parent.name](place.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_crash_a_reader(name: str) -> None:
    examples = EXAMPLES_OF_A_SLOW_ONE if name in SLOW else EXAMPLES

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300) | mutated(SEEDS[name]))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    check()


@pytest.mark.parametrize(
    "configurations",
    [
        {"physical_networks": 5},
        {"physical_networks": {"ib": 1}},
        {"adapters": 5, "physical_networks": "ib"},
        {"adapters": [5, None, {"physical_network": "ib"}, {"kind": [], "physical_network": {}}]},
        {"adapters": [{"physical_network": "ib", "kind": "mlx4", "port_guid": 5}]},
        {"adapters": [{"physical_network": "ib", "kind": "mlx4", "vfs": ["0000:05:00.1"]}]},
    ],
)
def test_a_report_of_another_shape_serves_nothing(configurations: object) -> None:
    text = json.dumps(configurations)

    assert agent_report.adapters_in(text) == ()
    assert agent_report.served_networks(text) == frozenset()
    assert agent_report.guids(text) == frozenset()


@pytest.mark.parametrize("name", ["guid", "pci", "entry", "status"])
def test_a_long_reply_makes_no_long_message(name: str) -> None:
    row = json.loads(SEEDS["rpc_reply"][0])["ports"][0] | {name: "x" * 100_000}

    TARGETS["rpc_reply"](json.dumps({"etag": "e", "ports": [row]}).encode())


def test_a_short_text_does_not_stand_for_millions_of_vfs() -> None:
    run = "0000:00:00.0-0000:ff:1f.7"

    assert len(unfold(run)) == 1 << 16
    with pytest.raises(BadValue, match="more than 65536"):
        unfold(",".join([run] * 100))
