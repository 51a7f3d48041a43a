# SPDX-License-Identifier: Apache-2.0
"""What lines say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.shell.grammar import (
    Incomplete,
    Redirection,
    Statement,
    Unreadable,
    parse,
    quote,
)
from ibstack.cluster.shell.lines import is_open, whole_lines

# The signs that mean something, so that random lines are nearly sentences.
LINES = st.text(st.sampled_from("ab -\u00a0\t\n;()|>#!`\"'\\*,") | st.characters(), max_size=40)


def words(line: str) -> list[list[str]]:
    return [[word.text for word in statement.words] for statement in parse(line)]


def refused(line: str) -> Unreadable | None:
    try:
        parse(line)
    except Unreadable as error:
        return error
    return None


def one(line: str) -> Statement:
    (statement,) = parse(line)
    return statement


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        (" ; ;\n", []),
        ("device use master;services", [["device", "use", "master"], ["services"]]),
        ("a;b;", [["a"], ["b"]]),
        ("a ;b", [["a"], ["b"]]),
        ("a\u00a0b", [["a", "b"]]),
        ('a "b\u00a0c"', [["a", "b\u00a0c"]]),
        ('set k "x=1 y=2;z | w > v (u)"', [["set", "k", "x=1 y=2;z | w > v (u)"]]),
        ('a "b"c"d e"', [["a", "bcd e"]]),
        ('a ""', [["a", ""]]),
        (r'a "\"b\" \\ \` \c"', [["a", '"b" \\ ` \\c']]),
        (r"a 'b\"c' don't", [["a", r"b\"c", "don't"]]),
        (r"a b\ c\;d \x", [["a", "b c;d", r"\x"]]),
        ("a#b # c; d", [["a#b"]]),
        ("# device", []),
        ("a # c\nb", [["a"], ["b"]]),
        ("list -d {}", [["list", "-d", "{}"]]),
        ("use node[001-002]", [["use", "node[001-002]"]]),
    ],
)
def test_a_line_is_statements_of_words(line: str, expected: list[list[str]]) -> None:
    assert words(line) == expected


def test_statements_in_parentheses_follow_a_command() -> None:
    loop = one("device foreach -n a..b (interfaces;add physical ib0 ;commit;)")

    assert [word.text for word in loop.words] == ["device", "foreach", "-n", "a..b"]
    assert [len(statement.words) for statement in loop.block or ()] == [1, 3, 1]
    assert one("foreach * ()").block == ()
    assert one("foreach *(get ip)").block == parse("get ip")
    assert one("list").block is None


def test_parentheses_lie_in_each_other() -> None:
    (inner,) = one("category foreach * (device foreach * (get ip) )").block or ()

    assert inner.block == parse("get ip")


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("list > f", Redirection(">", "f")),
        ("list>f", Redirection(">", "f")),
        ('list >> "a b"', Redirection(">>", "a b")),
        ("list | grep 'a;b' | wc -l", Redirection("|", "grep 'a;b' | wc -l")),
        ("foreach * (list) > f", Redirection(">", "f")),
    ],
)
def test_output_goes_elsewhere(line: str, output: Redirection) -> None:
    assert one(line).output == output


def test_a_pipe_ends_at_the_statement() -> None:
    first, second = parse("list | sort; status")

    assert first.output == Redirection("|", "sort")
    assert second.words[0].text == "status"


def test_a_unix_command_is_the_rest_of_the_line() -> None:
    assert one("!ls; wc 'a").unix == "ls; wc 'a"
    assert one("!").unix == ""
    assert one("!# comment").unix == "# comment"
    assert [each.unix for each in parse("list; !ls\nstatus")] == [None, "ls", None]


def test_backticks_are_parts_of_words() -> None:
    word = one('use "a `hostname -s` b"').words[1]

    assert [(part.text, part.is_command) for part in word.parts] == [
        ("a ", False),
        ("hostname -s", True),
        (" b", False),
    ]


@pytest.mark.parametrize("line", ['a "b', "a 'b", "a `b", "foreach * (a", "a (b; d (c)", 'a | "b'])
def test_what_is_open_may_be_completed_by_the_next_line(line: str) -> None:
    with pytest.raises(Incomplete):
        parse(line)
    assert is_open(line)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        *(("a )", 3), ("(a)", 1), ("; > f", 3), ("a >", 4), ("a > ;", 5), ("a > f g", 7)),
        *(("a |", 4), ("a (b) c", 7), ("a (!ls)", 4), ("a > (", 5), ("a (b) (c)", 7)),
    ],
)
def test_nonsense_is_refused_with_its_place(line: str, column: int) -> None:
    with pytest.raises(Unreadable, match=f"at column {column};") as refused:
        parse(line)

    assert not isinstance(refused.value, Incomplete)
    assert not is_open(line)


def test_parentheses_are_not_endlessly_deep() -> None:
    with pytest.raises(Unreadable, match="too deep"):
        parse("a (" * 100_000)


def test_lines_that_belong_together_come_together() -> None:
    lines = ["device", 'set notes "one', "", 'two"', "foreach * (", "get ip", ")", 'x "']

    assert list(whole_lines(lines)) == [
        "device",
        'set notes "one\n\ntwo"',
        "foreach * (\nget ip\n)",
        'x "',
    ]


@given(LINES)
def test_any_line_is_read_or_refused(line: str) -> None:
    refusal = refused(line)

    assert refusal is None or 0 <= refusal.at <= len(line)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_words_that_are_quoted_are_read_back(typed: list[str]) -> None:
    assert words(" ".join(map(quote, typed))) == [typed]


@given(LINES)
def test_what_was_read_can_be_written_and_read_again(line: str) -> None:
    read = [] if refused(line) else words(line)
    again = "; ".join(" ".join(map(quote, statement)) for statement in read if statement)

    assert words(again) == [statement for statement in read if statement]
