# SPDX-License-Identifier: Apache-2.0
"""What /etc/genders says, as libgenders reads it, and what a section of ours can add to it.

Facts are genders 1.22's (src/libgenders/genders_parsing.c, src/libcommon/hostlist.c); nodeattr is
the judge in tests/real/test_genders_beside.py.  One line that cannot be read, or one attribute that
a node gets twice, and no query of the file works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.generated import Fitted, Remark
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePosixPath

_LONGEST_LINE: Final = 65534
_LONGEST_NAME: Final = 64
_LARGEST_RANGE: Final = 16384
_SPACE: Final = " \t\n\v\f\r"
_OF_SOME_BUILDS: Final = (
    (re.compile(r"\."), "genders as Debian builds it takes no name with a dot"),
    # Debian's 1.22-1 takes it for a sign of the name.
    (re.compile(r"^[^[]*\]|\[[^]]*$"), "newer genders takes no bracket that stands alone"),
    (re.compile(r"\][^,[]*\["), "genders knows nodes of two brackets by no name"),
)
_RANGE: Final = re.compile(r"(\+?[0-9]+)(?:-(\+?[0-9]*))?")


@dataclass(frozen=True, slots=True)
class GivenAttribute:
    """An attribute that a line gives to a node."""

    line: int
    """From 1."""
    value: str | None
    """None: it has none.  `%n` is the node's name in it."""

    def of(self, node: str) -> str | None:
        """Return the value that *node* gets."""
        if self.value is None:
            return None
        return re.sub("%[%n]", lambda sign: node if sign[0] == "%n" else "%", self.value)


@dataclass(frozen=True, slots=True)
class GendersFault:
    """A line that genders does not read; there is no query of the file then."""

    line: int
    text: str
    why: str
    of_some_builds: bool = False
    """Some builds and versions of genders read it, or answer some queries of it."""

    def __str__(self) -> str:
        return f"line {self.line}, {self.text!r}: {self.why}"


class GendersText:
    """A genders file."""

    def __init__(self, content: bytes) -> None:
        self.attributes: dict[str, dict[str, GivenAttribute]] = {}
        """By node, and by name."""
        self.faults: list[GendersFault] = []
        for number, line in enumerate(content.decode("latin-1").split("\n"), start=1):
            # fgets() reads up to the line's end, and C ends a text at a zero.
            text = line.partition("\0")[0]
            why = self._read_line(number, text)
            if why:
                self.faults.append(GendersFault(number, _shown(text), why))

    def _read_line(self, number: int, line: str) -> str:
        """Take up what a line gives; return why genders does not read it, or nothing."""
        if len(line) > _LONGEST_LINE:
            return "it is too long"
        text = line.partition("#")[0].strip(_SPACE)
        if not text:
            return ""
        names, words = _halves(text)
        attributes = _attributes(words, number)
        if isinstance(attributes, str):
            return attributes
        nodes = _nodes(names)
        if nodes is None:
            return f"{names!r} names no nodes as genders lists them"
        whys = [why for sign, why in _OF_SOME_BUILDS if sign.search(names)]
        if attributes and len(set(nodes)) < len(nodes):
            # Debian's 1.22-1 does; the line's nodes are one list in newer ones.
            whys.append("older genders gives a node twice what a line that names it twice has")
        for why in whys:
            self.faults.append(GendersFault(number, _shown(line), why, of_some_builds=True))
        return self._add_attributes(number, nodes, attributes)

    def _add_attributes(
        self, number: int, nodes: list[str], attributes: dict[str, GivenAttribute]
    ) -> str:
        long = next((node for node in nodes if len(node) > _LONGEST_NAME), None)
        if long is not None:
            return f"{long!r} is longer than {_LONGEST_NAME} signs"
        for node in nodes:
            known = self.attributes.get(node, {})
            twice = next((name for name in attributes if name in known), None)
            if twice is not None:
                return f"{node} has {twice} by line {known[twice].line} already"
        for node in nodes:
            self.attributes.setdefault(node, {}).update(attributes)
        return ""


@dataclass(frozen=True)
class BesideLines:
    """Fits the lines of a section to those that stand around it.  Implements Fit."""

    def beside(self, path: PurePosixPath) -> tuple[PurePosixPath, ...]:
        return ()

    def fitted(self, text: str, around: bytes, others: Mapping[PurePosixPath, bytes]) -> Fitted:
        """Leave out what the nodes have by the lines around; Refused where these cannot be read."""
        there = GendersText(around)
        faults = [each for each in there.faults if not each.of_some_builds]
        if faults:
            raise Refused(
                "cannot write beside what stands there, which genders does not read:"
                f" {faults[0]}; mend that line, or freeze the file"
            )
        lines, remarks = [], _Remarks()
        flags = {word for line in text.splitlines() for word in line.split(" ")[1].split(",")}
        for line in text.splitlines():
            node, _, words = line.partition(" ")
            known = there.attributes.get(node)
            if known is None:
                lines.append(line)
                continue
            wanted = words.split(",")
            left = [word for word in wanted if word.partition("=")[0] not in known]
            lines += [f"{node} {','.join(left)}"] if left else []
            remarks.compare(node, wanted, known, flags)
        unsure = [
            Remark(
                f"line {each.line}", "a line that every genders reads", f"{each.text!r}: {each.why}"
            )
            for each in there.faults
        ]
        return Fitted("".join(f"{line}\n" for line in lines), (*unsure, *remarks.noted()))


class _Remarks:
    """What lines around a section say otherwise of nodes, those put together that say the same."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str, str], list[str]] = {}

    def compare(
        self, node: str, wanted: list[str], known: Mapping[str, GivenAttribute], flags: set[str]
    ) -> None:
        """Note what *node* has otherwise than *wanted*, and which of the *flags* besides."""
        for word in wanted:
            name, _, value = word.partition("=")
            given = known.get(name)
            if given is not None and value and given.of(node) != value:
                self._note(node, name, word, given)
        for name in flags & known.keys() - {word.partition("=")[0] for word in wanted}:
            self._note(node, name, "not given", known[name])

    def _note(self, node: str, name: str, wanted: str, given: GivenAttribute) -> None:
        value = given.of(node)
        found = f"line {given.line} gives {name if value is None else f'{name}={value}'}"
        self._nodes.setdefault((name, wanted, found), []).append(node)

    def noted(self) -> Iterator[Remark]:
        from ClusterShell.NodeSet import NodeSet

        for (name, wanted, found), nodes in self._nodes.items():
            yield Remark(f"{name} of {NodeSet.fromlist(nodes)}", wanted, found)


def _halves(text: str) -> tuple[str, str]:
    """Part a line into its nodes and its attributes."""
    found = re.search("[ \t]", text)
    return (text, "") if found is None else (text[: found.start()], text[found.end() :])


def _attributes(words: str, line: int) -> dict[str, GivenAttribute] | str:
    """Return the attributes, or why genders does not read them."""
    words = words.lstrip(_SPACE)
    found: dict[str, GivenAttribute] = {}
    if " " in words or "\t" in words:
        return "there is a blank among the attributes"
    for word in words.split(",") if words else ():
        name, equals, value = word.partition("=")
        if not name:
            return "there is an attribute without a name"
        if equals and not value:
            return f"{name}= has no value"
        if name in found:
            return f"{name} stands there twice"
        found[name] = GivenAttribute(line, value if equals else None)
    return found


def _nodes(names: str) -> list[str] | None:
    """Return the nodes of a list as `node[1-3,5],login`; None where it is none."""
    found: list[str] = []
    for token in _tokens(names):
        prefix, bracket, rest = token.partition("[")
        inside, closed, suffix = rest.partition("]")
        if not bracket or not closed:
            found.append(token)
            continue
        numbers = _numbers(inside)
        if numbers is None:
            return None
        found += [f"{prefix}{number}{suffix}" for number in numbers]
    return found or None


def _tokens(names: str) -> Iterator[str]:
    """Yield what commas part outside of brackets."""
    token, level = "", 0
    for sign in names:
        if sign == "," and not level:
            if token:
                yield token
            token = ""
            continue
        level += (sign == "[") - (sign == "]")
        token += sign
    if token:
        yield token


def _numbers(text: str) -> list[str] | None:
    """Return the numbers of ranges as `01-03,7`, as wide as each range's first; None for none."""
    found: list[str] = []
    for each in text.split(","):
        match = _RANGE.fullmatch(each)
        if match is None or match[2] == "+":
            return None
        low, high = int(match[1]), int(match[2] or match[1])
        if not low <= high < low + _LARGEST_RANGE:
            return None
        found += [f"{number:0{len(match[1])}}" for number in range(low, high + 1)]
    return found


def _shown(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:57]}..."
