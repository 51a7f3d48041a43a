# SPDX-License-Identifier: Apache-2.0
"""The table of `(commands) → (what is printed, whether all of it succeeded)`.

In cases/*.txt: a line `### what it shows`, what is typed, `---` or `--- fails`, what is printed.
Errors begin with `! `.  A typed line `@prompt` prints the prompt there; after `@typed` somebody
sees it before each line, as in a terminal.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.shell.shells import Shell

CASES = Path(__file__).parent / "cases"
ENOUGH = 150


@dataclass(frozen=True)
class Case:
    title: str
    typed: tuple[str, ...]
    printed: str
    succeeds: bool


def read(path: Path) -> list[Case]:
    found = []
    for block in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, _, rest = block.partition("\n")
        typed, end, printed = re.split(r"^---( fails)?\n", rest, maxsplit=1, flags=re.MULTILINE)
        lines = tuple(line for line in typed.splitlines() if line)
        found.append(Case(title, lines, printed.strip("\n"), end is None))
    return found


ALL = [(path.stem, case) for path in sorted(CASES.glob("*.txt")) for case in read(path)]


def play(shell: Shell, case: Case) -> tuple[str, bool]:
    succeeds = True
    for line in case.typed:
        if line == "@prompt":
            shell.session.output.say(shell.session.prompt)
        elif line == "@typed":
            shell.session.interpreter.attended = True
        elif line == "@quick":
            shell.session.interpreter.quit_on_error = True
        elif not shell.session.run(line.replace("⏎", "\n")):
            succeeds = False
    lines = shell.out.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n"), succeeds


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{f}: {c.title}") for f, c in ALL])
def test_the_shell_answers(
    shell: Shell, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert play(shell, case) == (case.printed, case.succeeds)


def test_the_table_is_long_enough_and_names_each_case_once() -> None:
    titles = [(stem, case.title) for stem, case in ALL]

    assert len(titles) >= ENOUGH
    assert len(set(titles)) == len(titles)
