# SPDX-License-Identifier: Apache-2.0
"""What a subnet manager was told is judged; tests/formats/opensm asks OpenSM how it reads that."""

from __future__ import annotations

import pytest

from ibstack.facts.collection import hidden
from ibstack.facts.evidence import OPENSM_ARGS, OPENSM_CONF, Missing
from ibstack.verify.check import State
from verify.judged import host_with, said_by

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
OFF = "part_enforce off"
OLDER = "part_enforce off by no_partition_enforcement TRUE"
BY_LINE = "part_enforce {} with `ps -C opensm -o args=`"
LONG = 1022
KEY = "0x1122334455667788"


@pytest.mark.parametrize(
    ("line", "text", "state", "found"),
    [
        ("", "part_enforce\toff\n", FAILED, OFF),
        ("", 'part_enforce \t"off" # why\n', FAILED, OFF),
        ("", "part_enforce in\n", FAILED, "part_enforce in"),
        ("", "part_enforce none\n", OK, "part_enforce both"),
        ("", "no_partition_enforcement TRUE\npart_enforce both\n", FAILED, OLDER),
        ("", "no_partition_enforcement true\n", OK, "part_enforce both"),
        ("", f"#{'x' * (LONG - 1)}part_enforce off\n", FAILED, OFF),
        ("opensm -N", "part_enforce both\n", FAILED, BY_LINE.format("off")),
        ("opensm -BN", "", FAILED, BY_LINE.format("off")),
        ("opensm -Z off", "part_enforce both\n", FAILED, BY_LINE.format("off")),
        ("opensm --part_enf=off", "", FAILED, BY_LINE.format("off")),
        ("opensm -Z=off", "", OK, BY_LINE.format("both")),
        ("opensm -Z both", "", OK, BY_LINE.format("both")),
        ("opensm -Z off -Z both", "", OK, BY_LINE.format("both")),
        ("opensm -g 0x1 -B", "", OK, "part_enforce both"),
    ],
)
def test_enforcement_is_what_opensm_makes_of_line_and_file(
    line: str, text: str, state: State, found: str
) -> None:
    host = host_with({OPENSM_CONF: text} | ({OPENSM_ARGS: f"{line}\n"} if line else {}))

    answer = said_by("enforcement-on", host)[0]

    assert (answer.state, answer.found) == (state, found)


def test_a_line_of_the_file_may_have_overruled_the_command_line_since() -> None:
    host = host_with({OPENSM_ARGS: "opensm -Z both\n", OPENSM_CONF: "part_enforce off\n"})

    answer = said_by("enforcement-on", host)[0]

    assert answer.state is UNKNOWN
    assert "holds if it was changed since the start" in str(answer.why)


@pytest.mark.parametrize("check", ["enforcement-on", "m-key", "sm-key", "standby-polling"])
def test_nothing_holds_of_a_command_line_that_is_not_understood(check: str) -> None:
    good = f"m_key {KEY}\nm_key_protection_level 2\nsm_key {KEY}\nsa_key {KEY}\n"
    good += "sminfo_polling_timeout 1000\npolling_retry_number 2\n"
    texts = {OPENSM_CONF: good, OPENSM_ARGS: "opensm --virt_enabled 2\n"}

    assert said_by(check, host_with({OPENSM_CONF: good}))[0].state is OK
    answer = said_by(check, host_with(texts))[0]
    assert answer.state is UNKNOWN
    assert answer.why == "--virt_enabled 2 of its command line is not understood"


@pytest.mark.parametrize(
    ("text", "state", "found"),
    [
        (f"m_key {KEY}\nm_key_protection_level 2\n", OK, "m_key set, m_key_protection_level 2"),
        (f"m_key {KEY}9\nm_key_protection_level 2\n", FAILED, "m_key 0, m_key_protection_level 2"),
        (f"m_key {KEY}x\nm_key_protection_level 2\n", FAILED, "m_key 0, m_key_protection_level 2"),
        (
            f"m_key {KEY}\nm_key_protection_level 2s\n",
            FAILED,
            "m_key set, m_key_protection_level 0",
        ),
        (
            f"m_key {KEY}\nm_key_protection_level 300\n",
            FAILED,
            "m_key set, m_key_protection_level 0",
        ),
        (f"m_key {KEY}\nm_key_protection_level 9\n", OK, "m_key set, m_key_protection_level 2"),
        ("m_key -1\nm_key_protection_level 1\n", OK, "m_key set, m_key_protection_level 1"),
        ("m_key -0\nm_key_protection_level 1\n", FAILED, "m_key 0, m_key_protection_level 1"),
    ],
)
@pytest.mark.parametrize("collected", [False, True])
def test_a_key_that_opensm_passes_over_is_none_also_where_it_is_hidden(
    text: str, state: State, found: str, collected: bool
) -> None:
    kept = hidden(text, OPENSM_CONF) if collected else text
    (answer,) = said_by("m-key", host_with({OPENSM_CONF: kept}))

    assert (answer.state, answer.found) == (state, found)
    assert KEY not in hidden(text, OPENSM_CONF)


@pytest.mark.parametrize(
    ("line", "text", "state", "found"),
    [
        ("", f"sm_key {KEY}\nsa_key {KEY}\n", OK, "both set"),
        ("", f"sm_key 0x0{KEY[2:]}1\nsa_key {KEY}\n", FAILED, "sm_key 1"),
        ("", f"sm_key {KEY}\nsm_key 01\nsa_key {KEY}\n", FAILED, "sm_key 1"),
        ("", f"sm_key {KEY}\nsa_key '1'\n", FAILED, "sa_key 1"),
        ("opensm -k 1", f"sm_key {KEY}\nsa_key {KEY}\n", FAILED, "sm_key 1"),
        (f"opensm --smkey={KEY}", f"sa_key {KEY}\n", OK, "both set"),
        (f"opensm -k{KEY[2:]}", "", FAILED, "sa_key 1"),
        (f"opensm -k {KEY}", f"sm_key 1\nsa_key {KEY}\n", UNKNOWN, None),
        (f"opensm -k {KEY}", f"sm_key 7\nsa_key {KEY}\n", OK, "both set"),
    ],
)
@pytest.mark.parametrize("collected", [False, True])
def test_trusted_keys_are_those_of_line_and_file(
    line: str, text: str, state: State, found: str | None, collected: bool
) -> None:
    texts: dict[str, str | Missing] = {OPENSM_CONF: text}
    texts |= {OPENSM_ARGS: f"{line}\n"} if line else {}
    if collected:
        texts = {name: hidden(str(said), name) for name, said in texts.items()}
        assert not any(KEY[2:] in str(said) for said in texts.values())

    (answer,) = said_by("sm-key", host_with(texts))

    assert (answer.state, answer.found) == (state, found)
