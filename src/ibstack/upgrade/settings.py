# SPDX-License-Identifier: Apache-2.0
"""Judging one ini file, key by key: what is common to all of networking-mlnx's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.ini import IniText
from ibstack.formats.secrets import hidden_value
from ibstack.upgrade.finding import NOTHING, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ibstack.formats.ini import Located

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class KeyJudgement:
    """What is to be said of a key, whatever file it is in."""

    verdict: Verdict
    ibstack: str
    to_do: str = NOTHING


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of the keys of one kind of file."""

    keys: Mapping[tuple[str, str], KeyJudgement | Callable[[str], KeyJudgement]]
    """By section, in lower case but for DEFAULT, and key."""
    sections: Mapping[str, KeyJudgement]
    """For the other keys of a section."""
    other: KeyJudgement
    """For the keys of all other sections."""

    def judge(self, content: bytes, source: str) -> Iterator[Finding]:
        """Judge every key of *content*; NotIni for what is no ini file."""
        for found in IniText(content, source).located():
            yield self._finding(found, source)

    def _finding(self, found: Located, source: str) -> Finding:
        judge = self.keys.get((found.section, found.key))
        if judge is None:
            said = self.sections.get(found.section, self.other)
        else:
            said = judge if isinstance(judge, KeyJudgement) else judge(found.value)
        return Finding(
            source,
            found.line,
            f"[{found.section}] {found.key}",
            _shown(found),
            said.verdict,
            said.ibstack,
            said.to_do,
        )


def not_read(why: str, to_do: str = "remove it") -> KeyJudgement:
    return KeyJudgement(Verdict.CHANGES, f"does not read it: {why}", to_do)


def keeps(what: str) -> KeyJudgement:
    return KeyJudgement(Verdict.KEEPS, what)


def listed(value: str) -> list[str]:
    """Return the items of a list as oslo.config splits it."""
    return [item for item in (part.strip() for part in value.split(",")) if item]


def is_true(value: str) -> bool:
    """Read a boolean as oslo.config does."""
    return value.strip().lower() in ("true", "1", "on", "yes")


def _shown(found: Located) -> str:
    return hidden_value(found.key, found.value)[:_SHOWN]
