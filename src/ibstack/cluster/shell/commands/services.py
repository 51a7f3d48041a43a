# SPDX-License-Identifier: Apache-2.0
"""Commands on services of hosts.  What an operator stopped stays stopped until it is started."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.inheritance import effective_services
from ibstack.cluster.model.naming import meant, spoken
from ibstack.cluster.shell import tables
from ibstack.cluster.shell.command import Call, Command, in_kinds
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.states import node_service_line, service_lines
from ibstack.cluster.shell.tables import Listing, named_columns
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.shell.context import OnStore
    from ibstack.transport.apply_request import ServiceAction

_STATES: Final = named_columns("node", "service", "state")


def _owner(shell: OnStore) -> EntityPath:
    owner = shell.place.parent
    assert owner is not None, "services are inside a device or a category"
    return owner


def _hosts(shell: OnStore, owner: EntityPath) -> list[str]:
    """Return the device, or the nodes of the category."""
    if owner.kind == "device":
        return [owner.name]
    users = used_by(shell.draft, owner)
    nodes = [use.path for use in users if use.path.kind == "device" and not use.path.parent]
    return list(dict.fromkeys(path.name for path in nodes))


def _known(shell: OnStore, owner: EntityPath) -> list[str]:
    if owner.kind == "device":
        return list(effective_services(shell.draft, owner.name))
    return shell.draft.names("services", owner)


def _names(shell: OnStore, words: Sequence[str], doing: str) -> list[str]:
    """Return the services that are meant: those named, the one that one is at, or none."""
    owner = _owner(shell)
    if not words and shell.place.path is not None:
        return [shell.place.path.name]
    known = _known(shell, owner)
    for word in words:
        if word not in known:
            near = meant(word, known) or "; list shows what there is"
            raise BadInput(f"cannot {doing} {word} of {spoken(owner)}: no such service{near}")
    return list(words)


def _status(shell: OnStore, call: Call) -> None:
    owner = _owner(shell)
    names = _names(shell, call.arguments, "tell the status of") or _known(shell, owner)
    asked = [(host, name) for host in _hosts(shell, owner) for name in names]
    known = shell.hosts.backend.service_states(asked) if shell.hosts.reached else {}
    found = [(*each, known.get(each)) for each in asked]
    if tables.json_asked(call.given.get("format")):
        keys = [column.name for column in _STATES]
        rows = tuple(dict(zip(keys, each, strict=True)) for each in found)
        shell.output.say(tables.json_rows(Listing(_STATES, rows)))
    elif owner.kind == "device":
        shell.output.say(*service_lines([(name, state) for _, name, state in found]))
    else:
        shell.output.say(*(node_service_line(*each) for each in found))


def _act(action: ServiceAction, shell: OnStore, call: Call) -> None:
    names = _names(shell, call.arguments, action)
    if not names:
        raise BadInput(f"cannot {action}: no service is named; write {action} NAME")
    hosts = _hosts(shell, _owner(shell))
    asked = [(host, name) for host in hosts for name in names]
    events, failed = shell.hosts.backend.service(asked, action)
    # One host that is away shall not keep the others from it.
    for why in dict.fromkeys(failed.values()):
        shell.output.complain(IbstackError(why))
    shell.output.tell(events)
    for host, name in asked:
        if (host, name) not in failed:
            _remember(shell, action, host, name)


def _remember(shell: OnStore, action: ServiceAction, host: str, name: str) -> None:
    if action == "stop":
        shell.store.keep_stopped(host, name)
    elif action in ("start", "restart"):
        shell.store.let_start(host, name)


def _command(action: ServiceAction, summary: str) -> Command:
    return Command(
        action,
        summary,
        "[NAME]",
        f"device use master; services; {action} opensm",
        partial(_act, action),
        where=in_kinds("services"),
        looks_outside=True,
    )


COMMANDS: Final[tuple[Command, ...]] = (
    _command("start", "Start a service; of a category, on all its nodes."),
    _command("stop", "Stop a service, and keep it stopped until it is started here."),
    _command("restart", "Stop and start a service."),
    _command("reload", "Let a service read its files again."),
    _command("reset", "Forget that a service failed, so that it is tried again."),
    Command(
        "status",
        "Print the states of services.",
        "[-f json] [NAME]",
        "device use master; services; status opensm",
        _status,
        where=in_kinds("services"),
        options=(FORMAT,),
        looks_outside=True,
    ),
)
