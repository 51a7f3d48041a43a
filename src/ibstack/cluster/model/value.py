# SPDX-License-Identifier: Apache-2.0
"""What a property can hold, how it is written, and what is refused.

A value is one of str, bool, int and tuple[str, ...], so that it goes into JSON and back unchanged.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_ADDRESS: Final = str(ipaddress.IPv4Address(0))
NO_MAC: Final = "00:00:00:00:00:00"

Value = str | bool | int | tuple[str, ...]

_TRUE: Final = frozenset({"yes", "1", "on", "true"})
_FALSE: Final = frozenset({"no", "0", "off", "false"})
_MAC: Final = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)


def words_of(value: Value) -> tuple[str, ...]:
    """Return the elements of a list; of what is none, itself as one."""
    return value if isinstance(value, tuple) else (str(value),)


def _one(kind: str, words: Sequence[str]) -> str:
    if len(words) != 1:
        raise BadValue(kind, " ".join(words), "expected one value; put it in quotes")
    return words[0]


@dataclass(frozen=True)
class ValueType:
    """How a property's values are read and shown."""

    many: ClassVar[bool] = False
    """Whether it holds a list, for `append` and `removefrom`."""
    unset: ClassVar[Value] = ""
    """What a property has where nothing is set, and its kind says no other default."""

    def parse(self, words: Sequence[str]) -> Value:
        """Read the arguments of `set`; BadValue for what it does not take."""
        raise NotImplementedError

    def show(self, value: Value) -> str:
        """Return *value* as `get` and `show` print it."""
        return ",".join(value) if isinstance(value, tuple) else str(value)


class Text(ValueType):
    """A line of text, kept byte for byte."""

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("text", words)
        if "\n" in text:
            raise BadValue("text", text, "expected one line")
        return text


class Blob(ValueType):
    """A script or notes: text of any length, shown as its size in tables."""

    def parse(self, words: Sequence[str]) -> Value:
        return _one("text", words)


class Boolean(ValueType):
    """yes or no; also 1/0, on/off and true/false, in any case."""

    unset = False

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("boolean", words)
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise BadValue("boolean", text, "expected yes or no")

    def show(self, value: Value) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class Integer(ValueType):
    """A whole number from *low* to *high*, both included."""

    low: int = 0
    high: int = 2**31 - 1
    unset = 0

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("number", words)
        if re.fullmatch(r"-?[0-9]{1,18}", text) and self.low <= int(text) <= self.high:
            return int(text)
        raise BadValue("number", text, f"expected {self.low} to {self.high}")


@dataclass(frozen=True)
class Choice(ValueType):
    """One of *names*, in any case; shown as it is spelled in *names*."""

    names: tuple[str, ...]

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("choice", words)
        for name in self.names:
            if name.lower() == text.lower():
                return name
        raise BadValue("choice", text, f"expected one of {', '.join(self.names)}")


class Ipv4(ValueType):
    """An IPv4 address; 0.0.0.0 is none."""

    unset = NO_ADDRESS

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("IPv4 address", words)
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError as error:
            raise BadValue("IPv4 address", text, "expected a.b.c.d") from error


class Mac(ValueType):
    """An Ethernet address; zeros are none."""

    unset = NO_MAC

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("MAC address", words)
        if not _MAC.fullmatch(text):
            raise BadValue("MAC address", text, "expected six pairs of hex digits")
        return text.lower()

    def show(self, value: Value) -> str:
        return str(value).upper()


class PortGuid(ValueType):
    """The GUID of an InfiniBand port; empty is not known."""

    def parse(self, words: Sequence[str]) -> Value:
        text = _one("GUID", words)
        return str(Guid.parse(text)) if text else ""


class Words(ValueType):
    """A list of texts.  `set` replaces all of it: each argument is one element."""

    many = True
    unset = ()

    def parse(self, words: Sequence[str]) -> Value:
        return tuple(words)


@dataclass(frozen=True)
class Reference(ValueType):
    """The name of an object of the top-level kind *kind*."""

    kind: str

    def parse(self, words: Sequence[str]) -> Value:
        return _one(f"name of a {self.kind}", words)


@dataclass(frozen=True)
class References(Words):
    """Names of objects of the top-level kind *kind*."""

    kind: str
