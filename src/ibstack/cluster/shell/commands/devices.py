# SPDX-License-Identifier: Apache-2.0
"""Commands on devices: their states, their power, and what on them is not as it should be."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, get_args

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.rollout.backend import PowerAction
from ibstack.cluster.shell import tables
from ibstack.cluster.shell.command import Call, Command, in_kinds
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.context import OnStore, Selecting
from ibstack.cluster.shell.options import Given
from ibstack.cluster.shell.selection import GROUPING, devices, selected
from ibstack.cluster.shell.states import bracketed, device_line
from ibstack.cluster.shell.tables import Listing, named_columns
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.rollout.backend import DeviceStatus

_STATUS: Final = named_columns("device", "status", "flags")
_POWER: Final = named_columns("device", "power")
_DRIFT: Final = named_columns("host", "what", "wanted", "found")
_ACTIONS: Final[tuple[PowerAction, ...]] = get_args(PowerAction)


class _OfDevices(OnStore, Selecting, Protocol):
    """Devices that are chosen, and a store that their installer may write to."""


def _status(shell: _OfDevices, call: Call) -> None:
    names = devices(shell, call.given)
    known: dict[str, DeviceStatus] = {}
    if shell.hosts.reached:
        known = dict(shell.hosts.backend.status(names))
    if tables.json_asked(call.given.get("format")):
        rows = tuple(_status_row(name, known.get(name)) for name in names)
        shell.output.say(tables.json_rows(Listing(_STATUS, rows)))
    else:
        shell.output.say(*(device_line(name, known.get(name)) for name in names))


def _status_row(name: str, status: DeviceStatus | None) -> dict[str, tables.Cell]:
    state, flags = (status.state, status.flags) if status else (None, None)
    return {"device": name, "status": state, "flags": flags}


def _chosen(shell: _OfDevices, given: Given, doing: str) -> list[str]:
    """Return the devices that are named, or the one that one is at: never all by omission."""
    names = selected(shell, given)
    if names is None and shell.place.owner is not None:
        names = [shell.place.owner.top.name]
    if names is None:
        raise BadInput(f"cannot {doing}: no device is chosen; name some, or * for all")
    return names


def _reboot(shell: _OfDevices, call: Call) -> None:
    names = _chosen(shell, call.given, "reboot")
    shell.output.tell(shell.hosts.backend.reboot(names))
    _see_installer(shell, names)


def _see_installer(shell: _OfDevices, names: Sequence[str]) -> None:
    """Go on with what an installation has committed.

    Not under edits of the same devices: they would bring back a mode that is for one time only.
    """
    draft = shell.draft
    if not any(draft.is_edited(EntityPath.of("device", name)) for name in names):
        shell.commit_flow.take(shell.store.load(draft.base))


def _power(shell: _OfDevices, call: Call) -> None:
    action = next((each for each in _ACTIONS if call.arguments[:1] == (each,)), None)
    if action is None:
        raise BadInput(f"cannot run power: expected power {'|'.join(_ACTIONS)}")
    given = Given(call.given.options, call.arguments[1:])
    names = _chosen(shell, given, f"power {action}")
    known = shell.hosts.backend.power(names, action)
    _see_installer(shell, names)
    if tables.json_asked(given.get("format")):
        rows = tuple({"device": name, "power": known.get(name)} for name in names)
        shell.output.say(tables.json_rows(Listing(_POWER, rows)))
    else:
        shell.output.say(*(f"{f'{name} ':.<26} {bracketed(known.get(name))}" for name in names))


def _drift(shell: _OfDevices, call: Call) -> None:
    names = devices(shell, call.given)
    found = shell.hosts.backend.drift(names)
    rows = tuple(asdict(each) for each in found)
    shell.output.differs = shell.output.differs or bool(rows)
    listing = Listing(_DRIFT, rows)
    shell.output.say(*tables.printed(listing, call.given.get("format"), "No drift"))


_NAMED: Final = "[OPTIONS] [NAMES|*]"

_on_devices = partial(Command, where=in_kinds("device"), looks_outside=True)

COMMANDS: Final[tuple[Command, ...]] = (
    _on_devices(
        "status",
        "Print the states of devices: of the one that one is at, or of all.",
        f"[-f json] {_NAMED}",
        "device status -c default",
        _status,
        options=(*GROUPING, FORMAT),
    ),
    Command(
        "ds",
        "Print the states of devices, from anywhere: device status.",
        f"[-f json] {_NAMED}",
        "ds",
        _status,
        options=(*GROUPING, FORMAT),
        of_no_object=True,
        looks_outside=True,
    ),
    _on_devices(
        "reboot",
        "Reboot devices through their operating systems.",
        _NAMED,
        "device foreach -n node001..node003 (reboot)",
        _reboot,
        options=GROUPING,
    ),
    _on_devices(
        "power",
        "Switch devices on or off, or print whether they are on.",
        f"on|off|reset|status [-f json] {_NAMED}",
        "device power status -n node001..node003",
        _power,
        options=(*GROUPING, FORMAT),
    ),
    Command(
        "drift",
        "List what on the hosts is not as committed.",
        f"[-f json] {_NAMED}",
        "drift -c default",
        _drift,
        options=(*GROUPING, FORMAT),
        looks_outside=True,
    ),
)
