# SPDX-License-Identifier: Apache-2.0
"""From a line of JSON to a verb of the eswitch, and back: docs/reference/protocols.md.

Whatever the line holds, the answer is one line, and a line that is refused has changed nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput, BadValue, IbstackError, Refused, TryLater
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.host.eswitchd.eswitch import Eswitch

LONGEST_REQUEST: Final = 65_536
"""Bytes of a line, its end not counted."""
LONGEST_WAIT_S: Final = 300
_OPTIONAL: Final = frozenset({"instance"})
"""Fields that a client of an earlier release does not send."""
_SHOWN: Final = 200  # Characters of foreign input that an error message repeats.

_KINDS: Final = ((BadInput, "bad-input"), (TryLater, "try-later"), (Refused, "refused"))


def answer(eswitch: Eswitch, line: bytes) -> bytes:
    """Do what *line* asks for and return the answer, a line with its end."""
    verb: object = None
    try:
        request = _parse(line)
        verb = request.pop("verb", None)
        result = _run(eswitch, verb, request)
    except IbstackError as error:
        known = isinstance(verb, str) and verb in _VERBS
        doing = str(verb) if known else "do that"
        eswitch.counts.note(str(verb) if known else "unknown", _kind(error))
        text = str(error)
        return refusal(error, text if text.startswith("cannot ") else f"cannot {doing}: {text}")
    eswitch.counts.note(str(verb), "done")
    return _line({"ok": True, **result})


def refusal(error: IbstackError, text: str) -> bytes:
    """Return the answer line for a request that was not done."""
    return _line({"ok": False, "kind": _kind(error), "error": text})


def _kind(error: IbstackError) -> str:
    return next((kind for cls, kind in _KINDS if isinstance(error, cls)), "failed")


def too_long() -> bytes:
    """Return the answer line for a request that is too long to be read."""
    error = BadInput(f"cannot do that: a request has at most {LONGEST_REQUEST} bytes")
    return refusal(error, str(error))


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the request is no JSON in UTF-8: {str(error)[:_SHOWN]}") from error
    if not isinstance(request, dict):
        raise BadInput("the request is no JSON object")
    return request


def _run(eswitch: Eswitch, verb: object, request: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(verb, str) or verb not in _VERBS:
        raise BadInput(f"there is no verb {_quoted(verb)}; there are {', '.join(_VERBS)}")
    fields, act = _VERBS[verb]
    missing = [name for name in fields if name not in request and name not in _OPTIONAL]
    unknown = [_quoted(name) for name in request if name not in fields]
    if missing or unknown:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(unknown)[:_SHOWN]} not known"] if unknown else []
        raise BadInput(f"{' and '.join(said)} in the request")
    given = {name: read for name, read in fields.items() if name in request}
    return act(eswitch, {name: read(name, request[name]) for name, read in given.items()})


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _SHOWN:
        raise BadValue(name, _quoted(value), f"expected text of 1 to {_SHOWN} characters")
    return value


def _pci(name: str, value: object) -> PciAddress:
    return PciAddress.parse(_text(name, value))


def _some_entry(name: str, value: object) -> object:
    return TableEntry.parse(_text(name, value))


def _entry(name: str, value: object) -> object:
    return None if value is None else TableEntry.parse(_text(name, value))


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadValue(name, _quoted(value), "expected true or false")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadValue(name, _quoted(value), "expected a whole number")
    return value


def _wait(name: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= LONGEST_WAIT_S:  # type: ignore[operator]
        raise BadValue(name, _quoted(value), f"expected 0 to {LONGEST_WAIT_S} seconds")
    return float(value)  # type: ignore[arg-type]


def _quoted(value: object) -> str:
    try:
        return json.dumps(value)[:_SHOWN]
    except (ValueError, RecursionError):
        return "something deeply nested"


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def _read(eswitch: Eswitch, _request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = to_json(eswitch.read())
    return found


def _attach(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    attached = eswitch.attach(**request)
    return {"state": attached.state.value, "why": attached.why}


def _adopt(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    return {"adopted": eswitch.adopt(**request)}


def _detach(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    return {"detached": eswitch.detach(**request)}


def _disown(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    return {"changed": eswitch.disown(**request)}


def _configure(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    return {"changed": eswitch.configure(**request)}


def _watch(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    return {"sequence": eswitch.watch(**request)}


def _counts(eswitch: Eswitch, _request: dict[str, Any]) -> dict[str, Any]:
    return {"requests": eswitch.counts.to_json()}


_VERBS: Final[
    dict[
        str,
        tuple[
            dict[str, Callable[[str, object], object]],
            Callable[[Eswitch, dict[str, Any]], dict[str, Any]],
        ],
    ]
] = {
    "read": ({}, _read),
    "attach": ({"physical_network": _text, "mac": _text, "pci": _pci, "wait_s": _wait}, _attach),
    "adopt": (
        {"physical_network": _text, "mac": _text, "pci": _pci, "entry": _some_entry},
        _adopt,
    ),
    "detach": ({"physical_network": _text, "mac": _text}, _detach),
    "configure": (
        {"pci": _pci, "mac": _text, "entry": _entry, "link_up": _flag, "instance": _text},
        _configure,
    ),
    "disown": ({"pci": _pci, "mac": _text, "left": _flag}, _disown),
    "watch": ({"sequence": _whole, "wait_s": _wait}, _watch),
    "counts": ({}, _counts),
}
