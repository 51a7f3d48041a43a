# SPDX-License-Identifier: Apache-2.0
"""Single keys of ini files change; every other byte stays; oslo.config reads them as we do."""

from __future__ import annotations

import configparser
import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oslo_config import iniparser

from ibstack.fabric.errors import BadValue
from ibstack.formats.ini import IniText, Keys, NotIni, edited, lenient_sections, normal_section

if TYPE_CHECKING:
    from collections.abc import Iterable


class Judge(iniparser.BaseParser):
    """oslo.config's own parser; keys before any section are refused a storey above it."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[str]] = {}
        self._section = ""

    def new_section(self, section: str) -> None:
        self._section = normal_section(section)

    def assignment(self, key: str, value: list[str]) -> None:
        self.found.setdefault((self._section, key), []).append("\n".join(value))


def judged(content: bytes) -> Keys:
    judge = Judge()
    judge.parse(lines_of(content))
    return {where: tuple(values) for where, values in judge.found.items()}


def lines_of(content: bytes) -> Iterable[str]:
    """Return the lines as oslo.config's text files have them."""
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")


PUT_CASES = [
    # before, section, key, values, after
    (b"", "ml2", "a", ["1"], b"[ml2]\na = 1\n"),
    (b"[ml2]\na=0\n", "ml2", "a", ["1"], b"[ml2]\na=1\n"),
    (b"[ml2]\na   :  0  \nb=1\n", "ml2", "a", ["1"], b"[ml2]\na   :  1\nb=1\n"),
    (b"[ml2]\r\na = 0\r\n", "ml2", "b", ["1"], b"[ml2]\r\na = 0\r\nb = 1\r\n"),
    (b"[ml2]\na=0", "ml2", "b", ["1"], b"[ml2]\na=0\nb=1\n"),
    (b"[ml2]\na=0", "ml2", "a", ["1"], b"[ml2]\na=1"),
    (b"[ml2]\na=0\n", "agent", "b", ["1"], b"[ml2]\na=0\n\n[agent]\nb=1\n"),
    (b"[ml2]\na=0\n\n", "agent", "b", ["1"], b"[ml2]\na=0\n\n[agent]\nb=1\n"),
    (b"[ML2]\na=0\n", "ml2", "a", ["1"], b"[ML2]\na=1\n"),
    (b"[default]\na=0\n", "DEFAULT", "a", ["1"], b"[default]\na=0\n\n[DEFAULT]\na=1\n"),
    # Continuation lines belong to the value.
    (b"[s]\na = 0,\n   1\n\t2\nb = 1\n", "s", "a", ["x"], b"[s]\na = x\nb = 1\n"),
    (b"[s]\na = 0\n  1\n# c\n", "s", "b", ["x"], b"[s]\na = 0\n  1\nb = x\n# c\n"),
    # Of a key that repeats the last place counted.
    (b"[s]\na=0\nb=1\na=2\n", "s", "a", ["x"], b"[s]\nb=1\na=x\n"),
    (b"[s]\na=0\n[t]\n[s]\nb=1\n", "s", "c", ["x"], b"[s]\na=0\n[t]\n[s]\nb=1\nc=x\n"),
    (b"[s]\na=0\n", "s", "a", ["x", "y"], b"[s]\na=x\na=y\n"),
    (b"[s]\na=x\nb=1\na=y\n", "s", "a", ["x", "y"], b"[s]\na=x\nb=1\na=y\n"),
    # What is there already in effect is left as it is spelled.
    (b"[s]\na = '1'\n", "s", "a", ["1"], b"[s]\na = '1'\n"),
    (b"[s]\n# about a\n;a=0\n\n[t]\n", "s", "a", ["1"], b"[s]\na = 1\n# about a\n;a=0\n\n[t]\n"),
    (b"x=0\n[s]\n", "s", "x", ["1"], b"x=0\n[s]\nx=1\n"),
    (b"[s]\na=\n", "s", "a", ["1"], b"[s]\na=1\n"),
    (b"[s]\na =\n", "s", "a", ["1"], b"[s]\na = 1\n"),
    (b"[s]\na=0\n", "s", "a", ["b=c:d,'e"], b"[s]\na=b=c:d,'e\n"),
]


@pytest.mark.parametrize(("before", "section", "key", "values", "after"), PUT_CASES)
def test_a_key_is_set_where_it_stands_or_at_its_sections_end(
    before: bytes, section: str, key: str, values: list[str], after: bytes
) -> None:
    ini = IniText(before)
    ini.put(section, key, *values)

    assert ini.content() == after
    assert ini.keys() == judged(after)


DROP_CASES = [
    (b"[s]\na=0\nb=1\n", b"[s]\nb=1\n"),
    (b"[s]\na=0\n 1\n 2\nb=1\n", b"[s]\nb=1\n"),
    (b"[s]\na=0\n[t]\na=1\n[S]\na=2\n", b"[s]\n[t]\na=1\n[S]\n"),
    (b"# c\r\n[s]\r\na=0\r\n; d\r\n", b"# c\r\n[s]\r\n; d\r\n"),
    (b"[s]\nA=0\na b=1\n", b"[s]\nA=0\na b=1\n"),
    (b"[s]\nb=0\na=1", b"[s]\nb=0\n"),
    (b"", b""),
]


@pytest.mark.parametrize(("before", "after"), DROP_CASES)
def test_a_key_that_is_dropped_takes_its_lines_along_and_nothing_else(
    before: bytes, after: bytes
) -> None:
    ini = IniText(before)
    ini.drop("s", "a")

    assert ini.content() == after


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"[s]\nno sign\n", 2, "expected key = value"),
        (b"[s]\n= 1\n", 2, "expected key = value"),
        (b"[s\n", 1, "expected [section]"),
        (b"[]\n", 1, "expected [section]"),
        (b"[s] # remark\n", 1, "expected [section]"),
        (b"  a = 1\n", 1, "begins with a blank"),
        (b"[s]\n\n  more\n", 3, "begins with a blank"),
        (b"[s]\na=\0\n", 2, "zero byte"),
        (b"[s]\r\na=\xff\r\n", 2, "not text in UTF-8"),
        (b"\xef\xbb\xbf[s]\n", 1, "expected key = value"),
        (b"\x7fELF\x02\x01\x01\0\0", 1, "zero byte"),
    ],
)
def test_what_is_no_ini_file_is_refused_with_its_line(content: bytes, line: int, what: str) -> None:
    with pytest.raises(NotIni) as refused:
        IniText(content, "/etc/x.conf")

    assert str(refused.value).startswith("cannot read /etc/x.conf as an ini file: line ")
    assert f"line {line}: " in str(refused.value)
    assert what in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(NotIni) as refused:
        IniText(b"[s]\none\na=1\ntwo\n[t\n")

    assert [line for line, _ in refused.value.faults] == [2, 4, 5]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("", "a", "1"),
        ("a]b", "a", "1"),
        ("s", "", "1"),
        ("s", "a=b", "1"),
        ("s", " a", "1"),
        ("s", "#a", "1"),
        ("s", "[a", "1"),
        ("s", "a\n", "1"),
        ("s", "a", "1\nb=2"),
        ("s", "a", "\0"),
    ],
)
def test_what_would_not_be_read_back_is_not_written(section: str, key: str, value: str) -> None:
    ini = IniText(b"[s]\n")
    with pytest.raises(BadValue):
        ini.put(section, key, value)

    assert ini.content() == b"[s]\n"


def test_a_remark_stands_above_the_first_line_of_its_key() -> None:
    ini = IniText(b"[s]\na=0\na=1\nb=2\n")
    ini.annotate({("s", "a"): "from x", ("t", "b"): "from y"})

    assert ini.content() == b"[s]\n# from x\na=0\na=1\nb=2\n"


blanks = st.sampled_from(["", " ", "\t", "  "])
words = st.text(st.sampled_from("ab_-é.,'\"=:#;[]% "), max_size=8)
keys = st.sampled_from(["a", "b", "a b", "A", "é"])
sections = st.sampled_from(["DEFAULT", "s", "S", "t", "ml2_type_vlan"])
ends = st.sampled_from(["\n", "\r\n", "\r"])
lines = st.one_of(
    st.builds("[{}]{}".format, sections, blanks),
    st.builds("{}{}{}{}{}".format, keys, blanks, st.sampled_from("=:"), blanks, words),
    st.builds(" {}".format, words),
    st.builds("{}{}".format, st.sampled_from("#;"), words),
    blanks,
)
texts = st.builds(
    lambda parts, last: ("".join(line + end for line, end in parts) + last).encode(),
    st.lists(st.tuples(lines, ends), max_size=12),
    st.sampled_from(["", "a=1", "[s]", "# last"]),
)
values = st.text(st.sampled_from("xyz,:=1' \""), max_size=6)


def ini_of(content: bytes) -> IniText:
    try:
        return IniText(content)
    except NotIni:
        assume(False)
        raise


@given(texts)
def test_what_is_read_is_what_oslo_config_reads(content: bytes) -> None:
    try:
        ours = IniText(content)
    except NotIni:
        with pytest.raises(iniparser.ParseError):
            judged(content)
        return

    assert ours.keys() == judged(content)
    assert ours.content() == content


@given(texts, sections, keys, st.lists(values, min_size=1, max_size=3))
def test_setting_sets_that_key_and_leaves_all_other_lines(
    content: bytes, section: str, key: str, wanted: list[str]
) -> None:
    before = ini_of(content)
    where = normal_section(section), key
    after = edited(content, put={(section, key): tuple(wanted)})

    found = judged(after)
    others = {at: values for at, values in before.keys().items() if at != where}
    assert found.pop(where) == tuple(_oslo(value) for value in wanted)
    assert found == others
    assert edited(after, put={(section, key): tuple(wanted)}) == after
    assert _rest(content, where) == _rest(after, where)[: len(_rest(content, where))]


@given(texts, sections, keys)
def test_dropping_takes_that_key_alone(content: bytes, section: str, key: str) -> None:
    before = ini_of(content)
    where = normal_section(section), key
    after = edited(content, drop=[(section, key)])

    assert judged(after) == {at: v for at, v in before.keys().items() if at != where}
    assert edited(after, drop=[(section, key)]) == after


@given(texts, sections, keys, values)
@example(b" \r[s]\na=:\n", "s", "a", "x")
def test_dropping_what_was_set_is_dropping(
    content: bytes, section: str, key: str, value: str
) -> None:
    ini_of(content)
    there = content + f"\n[{section}]\nz=1\n".encode()

    once = edited(there, drop=[(section, key)])
    again = edited(edited(there, put={(section, key): (value,)}), drop=[(section, key)])

    assert again == once


def _oslo(value: str) -> str:
    text = value.strip()
    return text[1:-1] if text and text[0] == text[-1] and text[0] in "'\"" else text


def _rest(content: bytes, where: tuple[str, str]) -> list[str]:
    """Return the lines that are not of the key *where*, nor a new section's."""
    ini = IniText(content)
    ini.drop(*where)
    return [line for line in re.split(r"\r\n|\r|\n", ini.content().decode()) if line.strip()]


own_lines = st.sampled_from(
    [
        *("[a]", "[A]", "[b] # said", " [a]", "[DEFAULT]", "[", "[]", "x", "  x", ""),
        *("k = 1", "K: '2'", "  k = 3", "\tj=4", "   , 5", "k =", "k = %(x)s", "; k = 6", "  # k"),
        *(" ", "k = [c]", "  [c]", "= 1", "k = a = b"),
    ]
)


@given(st.lists(own_lines, max_size=9).map("\n".join))
@example("[a]\nk = 1\n\n  # more\n  , 2\n")
@example("[a]\n  k = 1\n  j = 2\n")
def test_a_file_of_our_own_may_have_all_that_configparser_takes(text: str) -> None:
    judge = configparser.RawConfigParser(strict=False, default_section="none")
    try:
        judge.read_string(text)
    except configparser.Error:
        return
    meant: dict[str, dict[str, str]] = {}
    for section in judge.sections():
        found = meant.setdefault(section.lower(), {})
        found |= {key: re.sub(r"\n+", "\n", value.strip()) for key, value in judge.items(section)}

    assert lenient_sections(text, "f") == meant


@pytest.mark.parametrize("text", ["k = 1\n", "[a\n", "[a]\nk\n", "[a]\n= 1\n", "[a]\n\0 = 1\n"])
def test_a_file_of_our_own_is_an_ini_file(text: str) -> None:
    with pytest.raises(NotIni, match=f"line {text.count(chr(10))}: "):
        lenient_sections(text, "f")
