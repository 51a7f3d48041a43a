# SPDX-License-Identifier: Apache-2.0
"""Commands that go somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.shell.command import IN_A_MODE, Call, Command
from ibstack.cluster.shell.place import TOP
from ibstack.cluster.shell.subject import object_named
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from ibstack.cluster.shell.context import Moving


def _use(shell: Moving, call: Call) -> None:
    if KINDS[shell.place.kind].single:
        raise BadInput(f"cannot use {shell.place.kind}: there is only one, and this is it")
    if len(call.arguments) != 1:
        raise BadInput(f"cannot use {len(call.arguments)} names: expected use NAME")
    shell.go(shell.place.use(object_named(shell, call.arguments[0], "use").name))


def _exit(shell: Moving, call: Call) -> None:
    if not shell.place.levels:
        shell.finished = True
        return
    single = KINDS[shell.place.kind].single
    shell.go(shell.place.left().up() if single else shell.place.up())


def _quit(shell: Moving, call: Call) -> None:
    shell.finished = True


def _home(shell: Moving, call: Call) -> None:
    shell.go(TOP)


def _goto(shell: Moving, call: Call) -> None:
    if call.arguments not in ((), ("-",)):
        raise BadInput(f"cannot go to {' '.join(call.arguments)}: it takes - only; use goto -")
    shell.go(shell.previous)


def _path(shell: Moving, call: Call) -> None:
    shell.output.say(shell.place.commands())


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "use",
        "Go to an object of the mode; master is the active head node.",
        "NAME",
        "device use master",
        _use,
        where=IN_A_MODE,
        stays=True,
        moves=True,
    ),
    Command("exit", "Go up one level; at the top, leave.", "", "exit", _exit, aliases=("..",)),
    Command("quit", "Leave the shell.", "", "quit", _quit, of_no_object=True),
    Command(
        "home", "Go to the top.", "", "home", _home, aliases=("/",), stays=True, of_no_object=True
    ),
    Command(
        "goto",
        "Go back to where one was before.",
        "-",
        "goto -",
        _goto,
        aliases=("-",),
        moves=True,
    ),
    Command("path", "Print the commands that lead here.", "", "path", _path),
)
