# SPDX-License-Identifier: Apache-2.0
"""Edits of ini files, as oslo.config reads them, that leave every other byte as it is.

How a line is understood is what oslo_config.iniparser does (tests/formats/test_ini.py
holds the two together): a line that begins with a blank goes on with the value before it, an empty
line ends it, the first `=` or `:` divides, one pair of quotes around a value is dropped, sections
that repeat are one, and a key that repeats has several values.  There are no comments in a line.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ibstack.fabric.errors import BadInput, BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_SECTION: Final = ""
"""The section of what stands before the first header; oslo.config refuses such keys."""

Keys = dict[tuple[str, str], tuple[str, ...]]
"""The values of each section and key, in their order; of a key with one value the last counts."""

# Compiled when they are used: ibstack-eswitchd only reads, and its start is to be short.
_KEY: Final = r"[^\s\[#;=:][^=:\n\r]*"
_SECTION: Final = r"[^\s\[\]](?:[^\[\]\n\r]*[^\s\[\]])?"
_BYTE_ORDER_MARK: Final = "\ufeff"


class NotIni(BadInput):
    """A file that is no ini file; *faults* are pairs of line number and what is wrong there."""

    def __init__(self, file: str, faults: tuple[tuple[int, str], ...]) -> None:
        super().__init__(file, faults)
        self.file = file
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(
            f"cannot read {self.file} as an ini file: line {line}: {what}"
            for line, what in self.faults
        )


def normal_section(name: str) -> str:
    """Return the name under which oslo.config knows a section: case counts in DEFAULT alone."""
    return name if name == "DEFAULT" else name.lower()


class _What(enum.Enum):
    REMARK = enum.auto()
    HEADER = enum.auto()
    KEY = enum.auto()


@dataclass(slots=True)
class _Item:
    """A header, a key with all lines of its value, or a line that says nothing."""

    what: _What
    section: str
    text: str
    """With its ends of lines."""
    key: str = ""
    value: str = ""
    divider: str = ""
    """What stands between key and value."""
    line: int = 0
    """The number of its first line, counted from 1; 0: it was not read."""


class Located(NamedTuple):
    """One value of a key, and where it is."""

    line: int
    """Its first, counted from 1."""
    section: str
    key: str
    value: str
    written: str
    """The value with the quotes around it."""


class IniText:
    """The text of one ini file, in pieces that can be taken out and put in."""

    def __init__(self, content: bytes, file: str = "the file") -> None:
        """NotIni with every fault that *content* has."""
        self._items = _Reader(file).read(content)
        # Never a carriage return alone: before an empty line both would be one end of a line.
        ends = (re.search(r"\r?\n", item.text) for item in self._items)
        self._end = next((found[0] for found in ends if found), "\n")

    def content(self) -> bytes:
        return "".join(item.text for item in self._items).encode()

    def keys(self) -> Keys:
        """Return what oslo.config would find, sections by their normal names."""
        found: dict[tuple[str, str], list[str]] = {}
        for item in self._items:
            if item.what is _What.KEY:
                found.setdefault((normal_section(item.section), item.key), []).append(item.value)
        return {where: tuple(values) for where, values in found.items()}

    def located(self) -> list[Located]:
        """Return every value in the order of the file, sections by their normal names."""
        found: list[Located] = []
        line = 1
        for item in self._items:
            if item.what is _What.KEY:
                written = item.text.strip()[len(item.key) + len(item.divider.rstrip()) :].strip()
                name = normal_section(item.section)
                found.append(Located(line, name, item.key, item.value, written))
            line += len(item.text.encode().splitlines())
        return found

    def drop(self, section: str, key: str) -> None:
        """Take out every line of *key*; one that is not there is well too."""
        gone = set(self._places(section, key))
        self._items = [item for place, item in enumerate(self._items) if place not in gone]

    def put(self, section: str, key: str, *values: str) -> None:
        """Give *key* these values: where it stands, else at the end of its section.

        A section that is missing is made.  BadValue for what cannot be written as asked.
        """
        _refuse_bad(section, key, values)
        places = self._places(section, key)
        meant = [_unquoted(value) for value in values]
        if [self._items[place].value for place in places] == meant:
            return
        if places:
            self._replace(places, values)
        else:
            self._append(section, key, values)

    def annotate(self, remarks: Mapping[tuple[str, str], str]) -> None:
        """Put a comment line above the first line of each key that *remarks* has."""
        said = set[tuple[str, str]]()
        items: list[_Item] = []
        for item in self._items:
            where = normal_section(item.section), item.key
            if item.what is _What.KEY and where in remarks and where not in said:
                said.add(where)
                text = f"# {remarks[where]}{self._end}"
                items.append(_Item(_What.REMARK, item.section, text))
            items.append(item)
        self._items = items

    def _places(self, section: str, key: str) -> list[int]:
        name = normal_section(section)
        return [
            place
            for place, item in enumerate(self._items)
            if item.what is _What.KEY and item.key == key and normal_section(item.section) == name
        ]

    def _replace(self, places: list[int], values: tuple[str, ...]) -> None:
        """Write all values at the last place, which is the one that counted."""
        last = self._items[places[-1]]
        closed = last.text.endswith(("\n", "\r"))
        lines = [
            _key_item(last.section, last.key, last.divider, value, self._end) for value in values
        ]
        if not closed:
            lines[-1].text = lines[-1].text.removesuffix(self._end)
        self._items[places[-1] : places[-1] + 1] = lines
        for place in reversed(places[:-1]):
            del self._items[place]

    def _append(self, section: str, key: str, values: tuple[str, ...]) -> None:
        name = normal_section(section)
        if not any(
            item.what is _What.HEADER and normal_section(item.section) == name
            for item in self._items
        ):
            self._add_section(section)
        place = max(
            place
            for place, item in enumerate(self._items)
            if item.what is not _What.REMARK and normal_section(item.section) == name
        )
        before = self._items[place]
        if not before.text.endswith(("\n", "\r")):
            before.text += self._end
        divider = self._divider(place)
        added = [_key_item(before.section, key, divider, value, self._end) for value in values]
        self._items[place + 1 : place + 1] = added

    def _add_section(self, section: str) -> None:
        if self._items:
            last = self._items[-1]
            if not last.text.endswith(("\n", "\r")):
                last.text += self._end
            if last.text.strip():
                self._items.append(_Item(_What.REMARK, last.section, self._end))
        self._items.append(_Item(_What.HEADER, section, f"[{section}]{self._end}"))

    def _divider(self, place: int) -> str:
        """Return how the nearest key above *place* is divided from its value."""
        for item in reversed(self._items[: place + 1]):
            if item.what is _What.KEY and item.value:
                return item.divider
        return " = "


def edited(
    content: bytes,
    *,
    drop: Iterable[tuple[str, str]] = (),
    put: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
    file: str = "the file",
) -> bytes:
    """Return *content* without the keys *drop* and then with the keys *put*."""
    text = IniText(content, file)
    for section, key in drop:
        text.drop(section, key)
    for (section, key), values in (put or {}).items():
        text.put(section, key, *values)
    return text.content()


def lenient_located(text: str, file: str) -> list[Located]:
    """Return the values of a file of ibstack's own; section and key in small letters.

    It may have besides what Python's configparser takes: keys that are indented, empty lines and
    comments within a value, words behind a header.  NotIni with every fault.
    """
    return [
        Located(
            item.line, item.section.lower(), item.key.lower(), _unquoted(item.value), item.value
        )
        for item in _lenient_items(text, file)
        if item.what is _What.KEY
    ]


def lenient_sections(text: str, file: str, *, once: bool = False) -> dict[str, dict[str, str]]:
    """Return the same by section and key, with quotes around values as they are written.

    *once*: a key that repeats is a fault; else its last value counts.
    """
    found: dict[str, dict[str, str]] = {}
    for item in _lenient_items(text, file):
        values = found.setdefault(item.section.lower(), {})
        key = item.key.lower()
        if once and key in values:
            raise NotIni(file, ((item.line, f"[{item.section}] {key} repeats"),))
        if item.what is _What.KEY:
            values[key] = item.value
    return found


def _lenient_items(text: str, file: str) -> list[_Item]:
    return _LenientReader(file).read(text.encode("utf-8", "surrogateescape"))


def _key_item(section: str, key: str, divider: str, value: str, end: str) -> _Item:
    text = f"{key}{divider}{value}{end}"
    return _Item(_What.KEY, section, text, key, _unquoted(value), divider)


def _unquoted(text: str) -> str:
    value = text.strip()
    if value and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _stripped(text: str) -> str:
    return text.strip()


def _refuse_bad(section: str, key: str, values: tuple[str, ...]) -> None:
    refuse_section(section)
    refuse_key(key)
    if not values:
        raise BadValue("ini value", "", "expected one value or more")
    for value in values:
        if re.search(r"[\n\r\0]", value):
            raise BadValue("ini value", value, "must be one line")


def refuse_section(name: str) -> None:
    """BadValue for what cannot be the name of a section."""
    if not re.fullmatch(_SECTION, name):
        raise BadValue("ini section", name, "expected a name without brackets and outer blanks")


def refuse_key(name: str) -> None:
    """BadValue for what cannot be a key."""
    if (
        not re.fullmatch(_KEY, name)
        or name != name.rstrip()
        or set(name) & {"\0", _BYTE_ORDER_MARK}
    ):
        raise BadValue("ini key", name, "expected a name without =, : and outer blanks")


class _Reader:
    value_of = staticmethod(_unquoted)

    def __init__(self, file: str) -> None:
        self._file = file
        self._faults: list[tuple[int, str]] = []
        self._items: list[_Item] = []
        self._section = NO_SECTION
        self._open: _Item | None = None

    def read(self, content: bytes) -> list[_Item]:
        # bytes.splitlines ends lines where Python's text files do; str.splitlines at more places.
        for number, raw in enumerate(content.splitlines(keepends=True), 1):
            try:
                line = raw.decode()
            except UnicodeDecodeError:
                self._faults.append((number, "it is not text in UTF-8"))
                break
            if "\0" in line:
                self._faults.append((number, "it holds a zero byte: the file is binary"))
                break
            self._read_line(number, line)
        if self._faults:
            raise NotIni(self._file, tuple(self._faults))
        return self._items

    def _read_line(self, number: int, line: str) -> None:
        text = line.rstrip()
        if text and text[0] in " \t":
            self._go_on(number, line)
            return
        self._open = None
        if not text or text[0] in "#;":
            self._items.append(_Item(_What.REMARK, self._section, line))
        elif text[0] == "[":
            self._header(number, line, text)
        else:
            self._key(number, line, text)

    def _go_on(self, number: int, line: str) -> None:
        if self._open is None:
            self._faults.append((number, "it begins with a blank, and no value is before it"))
            return
        self._open.text += line
        self._open.value += "\n" + line.strip()

    def _header(self, number: int, line: str, text: str) -> None:
        if not text.endswith("]") or len(text) == len("[]"):
            self._faults.append((number, f"expected [section], found {text!r}"))
            return
        self._section = text[1:-1]
        self._items.append(_Item(_What.HEADER, self._section, line))

    def _key(self, number: int, line: str, text: str) -> None:
        found = re.match(r"([^=:]*)([=:]\s*)", text)
        if found is None or not found[1].strip() or text.startswith(_BYTE_ORDER_MARK):
            self._faults.append((number, f"expected key = value, found {text[:60]!r}"))
            return
        key = found[1].rstrip()
        divider = text[len(key) : found.end()]
        if found.end() == len(text):
            # The blank behind it is cut with the line's end: `key =` is meant as `key = `.
            divider += divider[:-1]
        value = self.value_of(text[found.end() :])
        item = _Item(_What.KEY, self._section, line, key, value, divider, number)
        self._items.append(item)
        self._open = item


class _LenientReader(_Reader):
    value_of = staticmethod(_stripped)
    _indent = 0

    def _read_line(self, number: int, line: str) -> None:
        text = line.strip()
        if not text or text[0] in "#;":
            return
        indent = len(line) - len(line.lstrip())
        if self._open is not None and indent > self._indent:
            self._open.value += f"\n{text}"
            return
        self._open, self._indent = None, indent
        if text[0] == "[" and "]" in text:
            self._header(number, line, text[: text.rindex("]") + 1])
        elif self._section == NO_SECTION:
            self._faults.append((number, "expected [section] before the first key"))
        else:
            self._key(number, line, text)
