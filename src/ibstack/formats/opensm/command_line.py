# SPDX-License-Identifier: Apache-2.0
"""OpenSM's command line, read as OpenSM reads it: by getopt_long_only() of glibc.

So `-Pconfig F`, `--Pc=F`, `-P=F` and `-PF` all are --Pconfig F, while `-F=F` is the file "=F": no
long option begins with F.  Any unambiguous beginning of a long option will do, behind one dash or
two.  It reads twice, --config first, and getopt() moves operands behind options on the way: so an
option that ends the line without its value takes the first operand when it is read again.

Options are those of OpenSM 3.3.23; tests/formats/opensm/test_command_line.py asks it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONFIG: Final = "config"
PARTITIONS: Final = "Pconfig"
NO_ENFORCEMENT: Final = "no_part_enforce"
ENFORCEMENT: Final = "part_enforce"
BOTH_PKEYS: Final = "allow_both_pkeys"
GUID: Final = "guid"
SM_KEY: Final = "smkey"
CC_KEY: Final = "cc_key"
DAEMON: Final = "daemon"

# By the name that they have without a short one; a long one without a letter has "".
_WITH_VALUE: Final = {
    **{CONFIG: "F", "create-config": "c", "debug": "d", GUID: "g", "ignore_guids": "i"},
    **{"hop_weights_file": "w", "port_search_ordering_file": "O", "dimn_ports_file": "O"},
    **{"lmc": "l", "sweep": "s", "timeout": "t", "D": "D", "log_file": "f", "log_limit": "L"},
    **{PARTITIONS: "P", ENFORCEMENT: "Z", "qos_policy_file": "Y", CC_KEY: "", "maxsmps": "n"},
    **{"console": "q", "priority": "p", "subnet_prefix": "", SM_KEY: "k", "routing_engine": "R"},
    **{"lid_matrix_file": "M", "lfts_file": "U", "sadb_file": "S", "root_guid_file": "a"},
    **{"cn_guid_file": "u", "io_guid_file": "G", "scatter-ports": "", "max_reverse_hops": "H"},
    **{"ids_guid_file": "m", "guid_routing_order_file": "X", "console-port": "C", "pidfile": ""},
    **{"perfmgr_sweep_time_s": "", "prefix_routes_file": "", "lash_start_vl": "", "sm_sl": ""},
    **{"retries": "", "log_prefix": "", "torus_config": "", "nue_max_num_vls": ""},
    "dump_files_dir": "",
}
_ALONE: Final = {
    **{"version": "", "verbose": "v", "erase_log_file": "e", NO_ENFORCEMENT: "N"},
    **{BOTH_PKEYS: "W", "qos": "Q", "congestion_control": "", "V": "V", "help": "h", "once": "o"},
    **{"reassign_lids": "r", "ucast_cache": "A", "connect_roots": "z", "port-shifting": ""},
    **{"stay_on_fatal": "y", "honor_guid2lid": "x", DAEMON: "B", "inactive": "I", "perfmgr": ""},
    **{"consolidate_ipv6_snm_req": "", "do_mesh_analysis": "", "guid_routing_order_no_scatter": ""},
}
_KEYS: Final = (SM_KEY, CC_KEY)
_LONG: Final = (*_WITH_VALUE, *_ALONE)
_LETTERS: Final = {letter: name for name, letter in {**_WITH_VALUE, **_ALONE}.items() if letter}


@dataclass(frozen=True, slots=True)
class Option:
    """One option that was given."""

    name: str
    """Its long name, whole."""
    value: str | None
    """None for one that takes none."""
    word: int
    """At which word of the command line its value, or the option itself, stands."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What OpenSM was told when it was started."""

    options: tuple[Option, ...] = ()
    operands: tuple[str, ...] = ()
    """Words that are no options, nor values of any: OpenSM passes over them."""
    not_understood: tuple[str, ...] = ()
    """Words that OpenSM 3.3.23 ends at: what another build makes of them is not known."""

    def last(self, name: str) -> str | None:
        """Return the value that counts of an option; None where it was not given."""
        found = [option.value for option in self.options if option.name == name]
        return found[-1] if found else None

    def has(self, name: str) -> bool:
        return any(option.name == name for option in self.options)


def read(words: Sequence[str]) -> CommandLine:
    """Read a command line, the program's name first."""
    return _Reading(words).all()


def read_line(line: str) -> CommandLine:
    """Read a command line as `ps -o args=` shows it: with blanks between words, and within them.

    A word that is no option may be the rest of one with a blank in it, so it is not understood.
    """
    found = _Reading(line.split(), knows_operands=False).all()
    return CommandLine(found.options, (), (*found.not_understood, *found.operands))


def with_keys_replaced(line: str, replaced: Callable[[str], str]) -> str:
    """Return a line of `ps -o args=` with other words for the keys in it."""
    words = line.split()
    for option in read(words).options:
        if option.name in _KEYS and option.value:
            word = words[option.word].removesuffix(option.value)
            words[option.word] = word + replaced(option.value)
    return " ".join(words) + "\n"


@dataclass(slots=True)
class _Reading:
    words: Sequence[str]
    knows_operands: bool = True
    """False: a word that is no option may be anything."""
    at: int = 1
    options: list[Option] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)
    """At which words they stand."""
    not_understood: list[str] = field(default_factory=list)

    def all(self) -> CommandLine:
        while self.at < len(self.words):
            self._step()
        operands = tuple(self.words[place] for place in self.operands)
        return CommandLine(tuple(self.options), operands, tuple(self.not_understood))

    def _step(self) -> None:
        word = self.words[self.at]
        self.at += 1
        if word == "--":
            self.operands += range(self.at, len(self.words))
            self.at = len(self.words)
        elif not word.startswith("-") or word == "-":
            self.operands.append(self.at - 1)
        elif word.startswith("--"):
            self._long(word, word[2:])
        elif _is_letter(word) or not self._long(word, word[1:], or_letters=True):
            self._letters(word)

    def _long(self, word: str, text: str, *, or_letters: bool = False) -> bool:
        """Read a long option; False where there is none, and it is to be read as letters."""
        name, equals, value = text.partition("=")
        fits = [name] if name in _LONG else [each for each in _LONG if each.startswith(name)]
        if not fits and or_letters and text[0] in _LETTERS:
            return False
        if len(fits) != 1 or (equals and fits[0] in _ALONE):
            self.not_understood.append(word)
        elif equals or fits[0] in _ALONE:
            self._add_option(fits[0], value if equals else None)
        else:
            self._add_operand(fits[0], word)
        return True

    def _letters(self, word: str) -> None:
        for place, letter in enumerate(word[1:], 2):
            name = _LETTERS.get(letter)
            if name is None:
                self.not_understood.append(word)
            elif name in _ALONE:
                self._add_option(name, None)
            elif word[place:]:
                self._add_option(name, word[place:])
                return
            else:
                self._add_operand(name, word)

    def _add_option(self, name: str, value: str | None) -> None:
        self.options.append(Option(name, value, self.at - 1))

    def _add_operand(self, name: str, word: str) -> None:
        if self.at == len(self.words):
            if not self.operands or not self.knows_operands:
                self.not_understood.append(word)
                return
            place = self.operands.pop(0)
            if name != CONFIG:  # The reading that takes --config is over by then.
                self.options.append(Option(name, self.words[place], place))
            return
        self.at += 1
        self._add_option(name, self.words[self.at - 1])


def _is_letter(word: str) -> bool:
    """Tell of a word like -f, which is no beginning of a long option where there is a letter f."""
    return len(word) == 2 and word[1] in _LETTERS
