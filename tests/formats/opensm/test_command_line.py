# SPDX-License-Identifier: Apache-2.0
"""A command line is read as OpenSM reads it, which is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from formats.opensm.asked import opensm
from ibstack.formats.opensm import command_line
from ibstack.formats.opensm.configuration import Configuration
from ibstack.formats.opensm.in_force import Enforcement, Options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILES = {
    "one": "partition_config_file /of/one\npart_enforce in\nsm_key 0x77\n",
    "two": "partition_config_file /of/two\nno_partition_enforcement TRUE\nallow_both_pkeys TRUE\n",
    "=one": "partition_config_file /of/equals\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("told")
    for name, text in FILES.items():
        (found / name).write_text(text)
    return found


def read(words: Sequence[str]) -> Options:
    told = command_line.read(["opensm", *words])
    text = FILES.get(told.last(command_line.CONFIG) or "", "")
    return Options(told, Configuration.read(text))


def agrees(words: Sequence[str], judge: Mapping[str, str] | None) -> None:
    ours = read(words)
    assert bool(ours.told.not_understood) == (judge is None), (words, ours.told)
    if judge is None:
        return
    usual = "/etc/opensm/partitions.conf"
    assert (ours.partitions() or usual) == judge["partition_config_file"]
    off = judge["no_partition_enforcement"] == "TRUE"
    assert ours.enforcement()[0] is Enforcement("off" if off else judge["part_enforce"])
    assert ours.both_pkeys() == (judge["allow_both_pkeys"] == "TRUE")
    assert ours.sm_key()[0] == int(judge["sm_key"], 0)


@pytest.mark.real
@pytest.mark.parametrize(
    "line",
    [
        "-Pconfig /f -F one",
        "--Pconf=/f",
        "-P=/f",
        "-P/f",
        "-P /f -P /g",
        "-PF one",
        "-F one -F two",
        "-F=one",
        "-Fone",
        "--config=one",
        "-con one",
        "-conf=one",
        "--confi two",
        "-no_part_enforce",
        "-N -Z both",
        "-Z=off",
        "-Zoff",
        "-Z OFF -Z out",
        "--part off",
        "-part=in",
        "-part_enforce=off",
        "-p 3",
        "-p=3",
        "-BNF one",
        "-BF one -W",
        "-F one -- -F two",
        "one two -N",
        "- -N",
        "-k 77",
        "-k 0x77 -F two",
        "-k=77",
        "--smk 0x77",
        "-smkey=zz",
        "-k -1",
        "-k 11112222333344445",
        "--foo",
        "-J x",
        "-F",
        "--config",
        "--qos=1",
        "-qos",
        "--p x",
        "-P (null) -F one",
        "one -F",
        "/f one -P",
        "/f two -F one -P",
        "-g 0x1 --log_file /tmp/x.log",
    ],
)
def test_each_form_of_an_option_is_what_opensm_takes_it_for(folder: Path, line: str) -> None:
    agrees(line.split(), opensm(folder, line.split()))


# Words with which no OpenSM writes another file or ends before it has written one.
_NAMES = [
    "config",
    "Pconfig",
    "part_enforce",
    "no_part_enforce",
    "allow_both_pkeys",
    "smkey",
    "qos",
]
_LETTERS = "FPZNWkQBIe"
_VALUES = ["one", "two", "=one", "/f", "off", "in", "both", "none", "0x5", "77", "(null)", "x y"]


@st.composite
def _word(draw: st.DrawFn) -> str:
    value = draw(st.sampled_from(_VALUES))
    dashes = draw(st.sampled_from(["-", "--"]))
    name = draw(st.sampled_from(_NAMES))
    name = name[: draw(st.integers(3, len(name)))]
    letters = draw(st.text(_LETTERS, min_size=1, max_size=3))
    return draw(
        st.sampled_from([value, f"{dashes}{name}", f"{dashes}{name}={value}", f"-{letters}"])
        | st.sampled_from([f"-{letters}{value}", f"-{letters}={value}"])
    )


@pytest.mark.real
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(words=st.lists(_word(), min_size=1, max_size=5))
def test_any_command_line_is_what_opensm_takes_it_for(folder: Path, words: list[str]) -> None:
    assume("--" not in words)
    agrees(words, opensm(folder, words))


def test_what_is_not_understood_is_named_and_the_rest_is_read() -> None:
    told = command_line.read(["opensm", "--virt_enabled", "2", "-P", "/f"])

    assert (told.not_understood, told.operands) == (("--virt_enabled",), ("2",))
    assert told.last(command_line.PARTITIONS) == "/f"


def test_a_line_of_ps_with_a_blank_in_a_path_is_not_understood() -> None:
    told = command_line.read_line("/usr/sbin/opensm  -P /srv/my file.conf -B")

    assert told.not_understood == ("file.conf",)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("-Z both", (Enforcement.BOTH, Enforcement.IN)),
        ("-Z in", (Enforcement.IN,)),
        ("-N", (Enforcement.OFF,)),
        ("", (Enforcement.IN,)),
    ],
)
def test_a_line_that_was_changed_since_may_have_come_into_force(
    line: str, holds: tuple[Enforcement, ...]
) -> None:
    assert read([*line.split(), "-F", "one"]).enforcement() == holds


def test_an_older_option_that_the_file_takes_back_may_be_back() -> None:
    file = Configuration.read("no_partition_enforcement FALSE\n")

    found = Options(command_line.read(["opensm", "-N"]), file).enforcement()

    assert found == (Enforcement.OFF, Enforcement.BOTH)


@pytest.mark.parametrize(
    ("line", "keys"),
    [("-k 5", (5, 0x77)), ("-k 77", (0x77,)), ("", (0x77,))],
)
def test_keys_of_both_may_be_in_force(line: str, keys: tuple[int, ...]) -> None:
    assert read([*line.split(), "-F", "one"]).sm_key() == keys


def test_a_key_that_stands_before_its_option_is_replaced() -> None:
    hidden = command_line.with_keys_replaced("opensm -P 0x77 0x77 --smkey", lambda key: "***")

    assert hidden == "opensm -P 0x77 *** --smkey\n"
