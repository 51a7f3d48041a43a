# SPDX-License-Identifier: Apache-2.0
"""What modules are loaded with: modprobe.d and the kernel's command line, as kmod reads them.

Sources: modprobe.d(5); kmod 30, shared/util.c, freadline_wrapped(), and libkmod/libkmod-config.c,
kmod_config_parse() and kmod_config_parse_kcmdline().  tests/real/test_modprobe_options.py asks
modprobe itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.host_paths import that_count
from ibstack.formats.kernel_words import parameters, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BELOW: Final = "modprobe.d"
CMDLINE: Final = "/proc/cmdline"
_ENDINGS: Final = (".conf", ".alias")
_SHORTEST: Final = len("a.conf")
_BLANK: Final = re.compile(r"[ \t]+")
_IN_CMDLINE: Final = re.compile(r'("?)([^\s"=.]*)\.([^\s"=.]*)(=.*)?', re.S)


@dataclass(frozen=True, slots=True)
class OptionsLine:
    """What one line gives to one module."""

    module: str
    """With `_` for `-`."""
    options: str
    """As the kernel gets them."""
    file: str
    line: int
    """Its first, counted from 1."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a module, and who says so."""

    value: str
    """Empty: it has none."""
    file: str
    line: int
    written: str
    """All options of that line."""


def options_lines(files: Mapping[str, str]) -> Iterator[OptionsLine]:
    """Yield each line that gives options, in the order in which the kernel gets them.

    *files*: texts by path; of a kernel's command line, `/proc/cmdline`.
    """
    for path, text in that_count(files, BELOW, _ENDINGS):
        if len(path.rpartition("/")[2]) >= _SHORTEST:
            yield from _of_file(path, text)
    yield from _of_cmdline(files.get(CMDLINE, ""))


def options_of(files: Mapping[str, str], module: str) -> dict[str, Option]:
    """Return each option of *module* by its name, with `_` for `-`; the last one counts."""
    found: dict[str, Option] = {}
    for each in options_lines(files):
        if each.module == module:
            for name, value in parameters(each.options):
                found[name] = Option(value or "", each.file, each.line, each.options)
    return found


def _of_file(path: str, text: str) -> Iterator[OptionsLine]:
    for number, line in _lines(text):
        # A comment begins at the line's start, after lines were joined: `options a b=1 # c=2`
        # sets c.
        parts = _BLANK.split(line.lstrip(" \t"), maxsplit=2)
        if not line.startswith("#") and parts[0] == "options" and len(parts) > len(("options", "")):
            module = _with_underscores(parts[1])
            if module is not None and parts[2]:
                yield OptionsLine(module, parts[2], path, number)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number of their first: a backslash at the end joins, else it goes."""
    first = number = 1
    parts: list[str] = []
    for piece in re.findall(r"\\\n|\\[^\n]|\n|[^\\\n]+|\\\Z", text):
        if piece == "\n":
            yield first, "".join(parts)
            parts = []
            first = number = number + 1
        elif piece == "\\\n":
            number += 1
        else:
            parts.append(piece.removeprefix("\\") if piece[0] == "\\" else piece)
    if parts:
        yield first, "".join(parts)


def _of_cmdline(text: str) -> Iterator[OptionsLine]:
    for word in words(text):
        found = _IN_CMDLINE.fullmatch(word)
        if found is None or word.count('"') % 2:
            continue
        opened, name, option, value = found.groups(default="")
        module = _with_underscores(name)
        if module is None or (opened and not value):
            continue
        # GRUB writes "module.option=a b" for module.option="a b", and kmod undoes that.
        given = f'{option}="{value[1:]}' if opened else f"{option}{value}"
        yield OptionsLine(module, given, CMDLINE, 1)


def _with_underscores(name: str) -> str | None:
    """Return a module's name as the kernel has it; None where kmod refuses the line."""
    if not re.fullmatch(r"(?:[^\[\]]|\[[^\]]*\])*", name):
        return None
    return re.sub(r"\[[^\]]*\]|-", lambda found: "_" if found[0] == "-" else found[0], name)
