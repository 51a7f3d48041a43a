# SPDX-License-Identifier: Apache-2.0
"""opensm.conf is read as OpenSM reads it, which is asked about random files.

Left out is what OpenSM 3.3.23 does not start with: (null) for one of its own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats.opensm.asked import opensm
from ibstack.formats.opensm.command_line import CommandLine
from ibstack.formats.opensm.configuration import LINE_BYTES, Configuration, read_number
from ibstack.formats.opensm.in_force import Enforcement, Options

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = [
    "m_key",
    "m_key_protection_level",
    "m_key_lease_period",
    "polling_retry_number",
    "sa_key",
    "sm_key",
    "sminfo_polling_timeout",
]
FLAGS = ["no_partition_enforcement", "allow_both_pkeys", "keep_pkey_indexes"]


def agrees(folder: Path, content: bytes) -> None:
    (folder / "given").write_bytes(content)
    judge = opensm(folder, ["-F", str(folder / "given")])
    assert judge is not None
    ours = Configuration.read(content)
    for name in NUMBERS:
        # The lease period follows the sweep interval too: what the file says is meant here.
        if name != "m_key_lease_period" or not int(judge["m_key_protection_level"]):
            assert ours.number(name) == int(judge[name], 0), (name, content)
    for name in FLAGS:
        assert ours.flag(name) == (judge[name] == "TRUE"), (name, content)
    path = ours.text("partition_config_file")
    if ours.values("partition_config_file"):
        assert ("(null)" if path is None else path) == judge["partition_config_file"], content
    assert Options(CommandLine(), ours).enforcement() == (Enforcement(judge["part_enforce"]),)


@pytest.mark.real
@pytest.mark.parametrize(
    "text",
    [
        "",
        "part_enforce\toff\n",
        "part_enforce  \t off  # for a while\n",
        'part_enforce "both" x\n',
        "#part_enforce off\n",
        "part_enforce=off\n",
        "part_enforce off\npart_enforce\tin\n",
        "part_enforce off\npart_enforce\n",
        "\tpart_enforce off\r\n",
        "\rpart_enforce off\n",
        "part_enforce\roff\n",
        "part_enforce\x0boff\n",
        "no_partition_enforcement TRUE\npart_enforce both\n",
        'no_partition_enforcement "TRUE"\n',
        "no_partition_enforcement true\n",
        "no_partition_enforcement TRUE\nno_partition_enforcement\n",
        "keep_pkey_indexes true\n",
        "m_key 0x12 x\n",
        "m_key 0x1234#5\n",
        "m_key 5\nm_key 5s\n",
        "m_key 0x11223344556677889\n",
        "m_key -1\nsm_key -0\nsa_key -99999999999999999999\n",
        "m_key 18446744073709551616\nsm_key 18446744073709551615\n",
        "sminfo_polling_timeout -1\npolling_retry_number 4294967296\n",
        "sminfo_polling_timeout 1s\npolling_retry_number 1e1\n",
        "m_key_protection_level 4\n",
        "m_key_protection_level 255\n",
        "m_key_protection_level 256\n",
        "m_key_protection_level -1\n",
        "m_key 010\nsm_key 08\nsa_key 0x\n",
        'm_key " 2"\nsm_key "2 "\nsa_key +3\n',
        """polling_retry_number ""2""\nsm_key "\nsa_key '\n""",
        "partition_config_file /a#b\n",
        'partition_config_file "/a b"\n',
        "partition_config_file '/a'\npartition_config_file (null)\n",
        "partition_config_file /a\npartition_config_file\n",
        'partition_config_file "\n',
        "partition_config_file  /a  b \n",
        f"{'part_enforce both':{LINE_BYTES}}part_enforce off\n",
        f"#{' ' * (LINE_BYTES - 1)}part_enforce off\n",
        f"#{' ' * (LINE_BYTES - 2)}part_enforce off\n",
        f"#{'x' * (2 * LINE_BYTES - 1)}m_key 7\n",
        f"{' ' * (LINE_BYTES - 6)}m_key 77\n",
        "m_key 5\0 6\nsm_key\0 7\n\0sa_key 9\n",
        "m_key 5",
    ],
)
def test_each_line_is_what_opensm_takes_it_for(tmp_path: Path, text: str) -> None:
    agrees(tmp_path, text.encode())


_blanks = st.text(" \t", min_size=1, max_size=3)
_loose = st.text(" \t\r\v\f", max_size=2)
_number = st.one_of(
    st.integers(-3, 300).map(str),
    st.integers(0, 1 << 66).map(hex),
    st.integers(0, 1 << 66).map(str),
    st.integers(0, 1 << 20).map(lambda n: f"0{n:o}"),
    st.text("0123456789xXabfs+-_. ", max_size=6),
)
_word = st.sampled_from(
    ["TRUE", "true", "FALSE", "both", "in", "out", "off", "none", "/a/b", "x y", ""]
)
_said = st.one_of(_number, _word)
_value = st.one_of(
    _said,
    _said.map(lambda text: f'"{text}"'),
    _said.map(lambda text: f"'{text}'"),
    st.tuples(_said, st.sampled_from(["# x", '"', "'", " # part_enforce in"])).map("".join),
)
_name = st.sampled_from([*NUMBERS, *FLAGS, "partition_config_file", "part_enforce", "#", "foo"])
_pad = st.sampled_from([0, 0, 0, 0, LINE_BYTES - 20, LINE_BYTES, 2 * LINE_BYTES])


@st.composite
def _line(draw: st.DrawFn) -> str:
    before = " " * draw(_pad) + draw(st.text(" \t", max_size=2))
    return f"{before}{draw(_name)}{draw(_blanks)}{draw(_value)}{draw(_loose)}\n"


@pytest.mark.real
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=st.lists(_line(), max_size=40))
def test_any_file_is_what_opensm_takes_it_for(tmp_path: Path, lines: list[str]) -> None:
    agrees(tmp_path, "".join(lines).encode())


@pytest.mark.parametrize(
    ("text", "bits", "number"),
    [
        ("0x10", 64, 16),
        ("-1", 64, (1 << 64) - 1),
        ("-1", 32, None),
        ("256", 8, None),
        ("", 64, None),
        ("5 ", 64, None),
        ("09", 64, None),
    ],
)
def test_a_number_is_taken_whole_and_in_range_or_not_at_all(
    text: str, bits: int, number: int | None
) -> None:
    assert read_number(text, bits) == number
