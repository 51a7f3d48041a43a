# SPDX-License-Identifier: Apache-2.0
"""What holds of a command line and opensm.conf together.

At its start OpenSM reads the file first and its command line over it.  At SIGHUP it reads the file
again: a line that says another thing than at the start comes into force, over the command line
(seen on 3.3.23: -p 9 became 3).  Whether a line was changed since cannot be seen, so where both say
something the file's is a second value that may be in force.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.opensm import command_line, configuration

if TYPE_CHECKING:
    from ibstack.formats.opensm.command_line import CommandLine
    from ibstack.formats.opensm.configuration import Configuration

_HEX: Final = re.compile(r"\s*([+-]?)(?:0[xX])?([0-9a-fA-F]+)")
_LARGEST: Final = (1 << 64) - 1


class Enforcement(enum.Enum):
    """In which direction switches are to check partition keys at the ports of hosts."""

    BOTH = "both"
    IN = "in"
    OUT = "out"
    OFF = "off"


_ENFORCEMENT: Final = {each.value: each for each in Enforcement}


@dataclass(frozen=True, slots=True)
class Options:
    """What one OpenSM was told."""

    told: CommandLine
    file: Configuration

    def partitions(self) -> str | None:
        """Return its partitions file; None: the one that is built in.  SIGHUP changes nothing."""
        given = self.told.last(command_line.PARTITIONS)
        return self.file.text(configuration.PARTITIONS) if given is None else given

    def both_pkeys(self) -> bool:
        """Tell whether a port may have a key in both forms.  SIGHUP changes nothing."""
        given = self.told.has(command_line.BOTH_PKEYS)
        return given or self.file.flag(configuration.BOTH_PKEYS)

    def enforcement(self) -> tuple[Enforcement | None, ...]:
        """Return what may be in force, what holds at a start first; None: not known.

        The older no_partition_enforcement TRUE, and -N, beat part_enforce.
        """
        file_off = self.file.flag(configuration.NO_ENFORCEMENT)
        told_off = self.told.has(command_line.NO_ENFORCEMENT)
        direction, told = _direction(self.file), _given_direction(self.told)
        at_start = _enforced(off=file_off or told_off, direction=told or direction)
        if self.file.values(configuration.NO_ENFORCEMENT):
            told_off = False
        if self.file.values(configuration.ENFORCEMENT):
            told = None
        later = _enforced(off=file_off or told_off, direction=told or direction)
        return tuple(dict.fromkeys((at_start, later)))

    def sm_key(self) -> tuple[int, ...]:
        """Return the SM_Keys that may be in force, the one that holds at a start first."""
        given = self.told.last(command_line.SM_KEY)
        by_file = self.file.number("sm_key")
        if given is None:
            return (by_file,)
        later = (by_file,) if self.file.values("sm_key") else ()
        return tuple(dict.fromkeys((read_hex_key(given), *later)))


def _enforced(*, off: bool, direction: Enforcement | None) -> Enforcement | None:
    return Enforcement.OFF if off else direction


def _direction(file: Configuration) -> Enforcement | None:
    """Return what the file's last line says; OpenSM takes a word that it does not know for both."""
    said = file.values(configuration.ENFORCEMENT)
    if said and said[-1] == configuration.NONE:
        return None  # OpenSM 3.3.23 does not start with it.
    return _ENFORCEMENT.get(said[-1], Enforcement.BOTH) if said else Enforcement.BOTH


def _given_direction(told: CommandLine) -> Enforcement | None:
    """Return what the last -Z says that OpenSM understands: it passes over others."""
    said = [option.value for option in told.options if option.name == command_line.ENFORCEMENT]
    known = [_ENFORCEMENT[word] for word in said if word in _ENFORCEMENT]
    return known[-1] if known else None


def read_hex_key(text: str) -> int:
    """Return a key as -k takes it: hexadecimal with or without 0x, as far as it is; else 0."""
    found = _HEX.match(text)
    if found is None:
        return 0
    number = int(found[2], 16)
    if number > _LARGEST:
        return _LARGEST
    return (_LARGEST + 1 - number) % (_LARGEST + 1) if found[1] == "-" else number
