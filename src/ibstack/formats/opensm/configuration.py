# SPDX-License-Identifier: Apache-2.0
"""opensm.conf, read as OpenSM reads it.

Source: osm_subn_parse_conf_file() of opensm/osm_subnet.c; defaults as `opensm -c` of 3.3.23 writes
them.  tests/formats/opensm/test_configuration.py asks OpenSM about random files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS: Final = "partition_config_file"
ENFORCEMENT: Final = "part_enforce"
NO_ENFORCEMENT: Final = "no_partition_enforcement"
BOTH_PKEYS: Final = "allow_both_pkeys"
PROTECTION_LEVEL: Final = "m_key_protection_level"
SA_DB_DUMP: Final = "sa_db_dump"
DUMP_FOLDER: Final = "dump_files_dir"
NONE: Final = "(null)"
"""What OpenSM writes, and takes, for no text at all."""

LINE_BYTES: Final = 1022
"""What it reads at a time: the rest of a longer line is a line of its own, of a comment too."""
_BLANKS: Final = b" \t\n\v\f\r"
_BETWEEN: Final = b" \t\n"
_BLANK: Final = re.compile(rb"[ \t\n]")
_QUOTES: Final = (b'"', b"'")
_NUMBER: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_LARGEST: Final = (1 << 64) - 1

# Name: bits, default.
_NUMBERS: Final = {
    "m_key": (64, 0),
    PROTECTION_LEVEL: (8, 0),
    "m_key_lease_period": (16, 0),
    "polling_retry_number": (32, 4),
    "sa_key": (64, 1),
    "sm_key": (64, 1),
    "sminfo_polling_timeout": (32, 10000),
}
_FLAGS: Final = {
    BOTH_PKEYS: False,
    "keep_pkey_indexes": True,
    NO_ENFORCEMENT: False,
    SA_DB_DUMP: False,
}
_HIGHEST_LEVEL: Final = 3
_LEVEL_INSTEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Configuration:
    """The lines that set something, in their order; without any OpenSM runs with its defaults."""

    lines: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, content: bytes | str) -> Configuration:
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        return cls(tuple(_lines(content)))

    def values(self, name: str) -> list[str]:
        """Return what the lines of an option say, in their order."""
        return [value for key, value in self.lines if key == name]

    def number(self, name: str) -> int:
        """Return a number: of the last line that OpenSM takes, else its default."""
        bits, usual = _NUMBERS[name]
        taken = [read_number(text, bits) for text in self.values(name)]
        found = next((number for number in reversed(taken) if number is not None), usual)
        return _LEVEL_INSTEAD if name == PROTECTION_LEVEL and found > _HIGHEST_LEVEL else found

    def flag(self, name: str) -> bool:
        """Return a flag: all but TRUE, in capitals, is false."""
        said = self.values(name)
        return said[-1] == "TRUE" if said else _FLAGS[name]

    def text(self, name: str) -> str | None:
        """Return a text of the last line; None where there is no line, or it says (null)."""
        said = self.values(name)
        return said[-1] if said and said[-1] != NONE else None


def read_number(text: str, bits: int = 64) -> int | None:
    """Return a number as strtoull() reads it of a whole value; None for one that OpenSM refuses.

    A minus sign wraps around, so -1 is the largest number of 64 bits.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, digits = found.groups()
    octal = digits[0] == "0" and digits[1:].isdigit()
    number = int(digits, 8 if octal else 0)
    if number > _LARGEST:
        return None
    number = (_LARGEST + 1 - number) % (_LARGEST + 1) if sign == "-" else number
    return number if number < 1 << bits else None


def value_of(text: str) -> str:
    """Return what OpenSM takes of what stands behind an option's name."""
    found = list(_lines(b"x " + text.encode("utf-8", "surrogateescape")))
    return found[0][1] if found else ""


def _lines(content: bytes) -> Iterator[tuple[str, str]]:
    for line in _as_fgets(content):
        said = line.partition(b"\0")[0].partition(b"#")[0].lstrip(_BETWEEN)
        name, *rest = _BLANK.split(said, maxsplit=1)
        if name:
            yield _text(name), _text(_clean(b"".join(rest)))


def _text(content: bytes) -> str:
    """Return what may be a path: of bytes that are no UTF-8 as os.fsencode() takes them back."""
    return content.decode("utf-8", "surrogateescape")


def _as_fgets(content: bytes) -> Iterator[bytes]:
    for line in content.split(b"\n"):
        whole = line + b"\n"
        for start in range(0, len(whole), LINE_BYTES):
            yield whole[start : start + LINE_BYTES]


def _clean(value: bytes) -> bytes:
    value = value.strip(_BLANKS)
    # A quote that stands alone is the first and the last.
    if value[:1] in _QUOTES and value[:1] == value[-1:]:
        return value[1:-1]
    return value
