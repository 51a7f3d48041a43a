# SPDX-License-Identifier: Apache-2.0
"""watch: a command again and again, until somebody presses Ctrl-C."""

from cluster.shell.shells import Shell, open_shell
from ibstack.cluster.store.store import Store


class Person:
    """Looks so many times, does *between* after each, and then presses Ctrl-C."""

    def __init__(self, shell: Shell, looks: int, between: tuple[str, ...] = ()) -> None:
        self.shell = shell
        self.waited_s: list[float] = []
        self._looks = looks
        self._other = open_shell(shell.store)
        self._between = between

    def rest(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self._other.type(*self._between)
        if len(self.waited_s) == self._looks:
            raise KeyboardInterrupt


def answers(said: str) -> list[str]:
    return [line for line in said.splitlines() if line and not line.startswith("Every")]


def test_it_runs_until_ctrl_c_and_sees_what_others_commit(shell: Shell) -> None:
    person = Person(shell, 2, ("device set node001 revision theirs; commit",))
    shell.session.rest = person.rest

    said = shell.type("watch -n 5 device get node001 revision; path")

    assert answers(said) == ["theirs", "home;"]
    assert person.waited_s == [5, 5]
    assert said.startswith("Every 5 s: device get node001 revision  Fri Oct 17 08:42:09 2014")


def test_under_edits_it_shows_what_one_has_oneself(shell: Shell) -> None:
    shell.session.rest = Person(shell, 2, ("device set node002 revision theirs; commit",)).rest

    said = shell.type("device set node001 revision mine; watch device get node002 revision")

    assert answers(said) == []


def test_what_fails_once_is_tried_again_and_one_is_where_one_was(store: Store) -> None:
    shell = open_shell(store)
    shell.session.rest = Person(shell, 2, ("device add physicalnode node009; commit",)).rest

    said = shell.type("watch device use node009", "path")

    assert "cannot use device node009" in said
    assert said.endswith("home;\n")
