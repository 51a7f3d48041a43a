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
from ibstack.formats.codec import BadShape, from_json, to_json

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
    given = {name: kind for name, kind in fields.items() if name in request}
    return act(eswitch, {name: _value(name, kind, request[name]) for name, kind in given.items()})


def _value(name: str, kind: Any, raw: object) -> Any:
    """Return the value of *kind* that the field *name* has."""
    if isinstance(raw, str) and not 0 < len(raw) <= _SHOWN:
        raise BadValue(name, _quoted(raw), f"expected text of 1 to {_SHOWN} characters")
    try:
        value = from_json(kind, raw)
    except BadShape as error:
        raise BadShape(error.what, name) from error
    if name == "wait_s" and not 0 <= value <= LONGEST_WAIT_S:
        raise BadValue(name, _quoted(raw), f"expected 0 to {LONGEST_WAIT_S} seconds")
    return value


def _quoted(value: object) -> str:
    try:
        return json.dumps(value)[:_SHOWN]
    except (ValueError, RecursionError):
        return "something deeply nested"


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def _attach(eswitch: Eswitch, request: dict[str, Any]) -> dict[str, Any]:
    attached = eswitch.attach(**request)
    return {"state": attached.state.value, "why": attached.why}


_VF_OF_MAC: Final[dict[str, Any]] = {"pci": PciAddress, "mac": str}
_MAC: Final[dict[str, Any]] = {"physical_network": str, "mac": str}
_VERBS: Final[
    dict[str, tuple[dict[str, Any], Callable[[Eswitch, dict[str, Any]], dict[str, Any]]]]
] = {
    "read": ({}, lambda e, _: dict(to_json(e.read()))),
    "attach": ({**_MAC, "pci": PciAddress, "wait_s": float}, _attach),
    "adopt": (
        {**_MAC, "pci": PciAddress, "entry": TableEntry},
        lambda e, request: {"adopted": e.adopt(**request)},
    ),
    "detach": (_MAC, lambda e, request: {"detached": e.detach(**request)}),
    "configure": (
        {**_VF_OF_MAC, "entry": TableEntry | None, "link_up": bool, "instance": str},
        lambda e, request: {"changed": e.configure(**request)},
    ),
    "disown": (
        {**_VF_OF_MAC, "left": bool},
        lambda e, request: {"changed": e.disown(**request)},
    ),
    "watch": (
        {"sequence": int, "wait_s": float},
        lambda e, request: {"sequence": e.watch(**request)},
    ),
    "counts": ({}, lambda e, _: {"requests": e.counts.to_json()}),
}
"""By name: what each field of a request is, and what does it."""
