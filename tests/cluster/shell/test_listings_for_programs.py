# SPDX-License-Identifier: Apache-2.0
"""Every command that lists something prints JSON on `-f json`, whatever there is to list."""

import json

import pytest

from cluster.shell.shells import Shell
from ibstack.cluster.shell.registry import COMMANDS

EDIT = "category; clone openstack-compute-hosts new; remove virtual-nodes; home"
AWAY = "device power off -n node002"

# Where each command that takes -f is typed, with what follows it.
LISTINGS = {
    "list": (
        "",
        "device",
        "category",
        "nodegroup",
        "device roles node001",
        "device fsmounts node001",
    ),
    "show": ("device use node001", "category use virtual-nodes", "device bmcsettings node001"),
    "modified": ("", "category", "network"),
    "usedby openstack-image": ("softwareimage",),
    "usedby node003": ("device",),
    "listnodes virtual-nodes": ("category",),
    "validate": ("", "category", "network"),
    "commit --dry-run": ("", "network"),
    "history": ("",),
    "history 1": ("",),
    "status": ("device", "device services node001", "category services openstack-compute-hosts"),
    "ds": ("", "category"),
    "power status *": ("device",),
    "drift": ("", "device use node003"),
    "alias": ("", "device"),
    "jobs": ("",),
}

NO_LISTING = frozenset(
    # These move, change or do something, or print one value or what a person reads.
    {"use", "exit", "quit", "home", "goto", "path", "add", "clone", "remove", "assign", "unassign"}
    | {"swap", "set", "get", "append", "removefrom", "clear", "refresh", "undo", "foreach"}
    | {"start", "stop", "restart", "reload", "reset", "reboot", "help", "run"}
    | {"range", "time", "watch", "unalias", "export"}
)


def test_each_command_takes_f_json_or_lists_nothing() -> None:
    taking = {
        each.name
        for each in COMMANDS
        if any(option.letter == "f" and option.word == "format" for option in each.options)
    }

    assert taking == {typed.split()[0] for typed in LISTINGS}
    assert {each.name for each in COMMANDS} - taking == NO_LISTING


@pytest.mark.parametrize("before", ["", f"{AWAY} | true; {EDIT}"], ids=["untouched", "edited"])
@pytest.mark.parametrize(
    ("command", "place"),
    [(command, place) for command, places in LISTINGS.items() for place in places],
)
def test_a_listing_is_json(shell: Shell, before: str, command: str, place: str) -> None:
    shell.type(before, place)
    name, _, rest = command.partition(" ")

    said = shell.type(f"{name} -f json {rest}")
    answer = [line for line in said.splitlines() if not line.startswith("! ")]

    assert isinstance(json.loads("\n".join(answer)), list | dict)
    assert all(line.startswith("! cannot commit") for line in set(said.splitlines()) - set(answer))
