# SPDX-License-Identifier: Apache-2.0
"""What a host answers, read into values: it is data of a host that may be anybody's.

An answer says what was asked for and nothing else: the files that were named, states of services
that were named, and texts of one line.  Everything else is BadAnswer, and concerns that host alone.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.printable import one_line
from ibstack.transport.apply_request import ApplyResult, FileResult
from ibstack.transport.command import CommandResult
from ibstack.transport.host_state import DOWN, FAILING, UP, Running
from ibstack.transport.query import Observation, ObservedFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.transport.apply_request import ApplyRequest
    from ibstack.transport.query import Query

_STATES: Final = frozenset({UP, DOWN, FAILING})
_KERNEL_BYTES: Final = 4096
"""A kernel's command line is no longer on any architecture (COMMAND_LINE_SIZE)."""


class BadAnswer(ValueError):
    """An answer of another shape than was asked for."""


def observation(found: object, query: Query) -> Observation:
    """Return what the host showed; BadAnswer for what was not asked."""
    whole = _object(found, "the answer")
    contents: dict[PurePosixPath, bytes | None] = {}
    failures: dict[PurePosixPath, str] = {}
    for path, each in _files(whole, [str(path) for path in query.files]).items():
        file = _object(each, path)
        if "failed" in file:
            failures[PurePosixPath(path)] = _line(file, "failed")
        else:
            contents[PurePosixPath(path)] = _content(file, path)
    why = _line(whole, "failed")
    services = {} if why else _named(whole, "services", query.services)
    for name, state in services.items():
        if state not in _STATES:
            raise BadAnswer(f"service {name} is neither UP nor DOWN nor FAILING")
    # What boot loaders add, nobody has committed.
    running = Running(None, _kernel(whole), whole=False)
    return Observation(
        UP,
        flags=("services-unknown",) if why else (),
        files=ObservedFiles(contents, failures),
        services=services,
        services_unknown=why,
        running=running,
    )


def apply_result(found: object, request: ApplyRequest) -> ApplyResult:
    """Return what the host did of *request*; BadAnswer for something else."""
    whole = _object(found, "the answer")
    if whole.get("stale") is True:
        return ApplyResult(stale=True)
    overtaken = whole.get("overtaken", 0)
    if type(overtaken) is int and overtaken > request.revision:
        return ApplyResult(overtaken=overtaken)
    failed = _line(whole, "failed")
    if failed:
        return ApplyResult(failed=failed)
    files = {
        PurePosixPath(path): FileResult(*_three_lines(each, path))
        for path, each in _named(whole, "files", (str(f.path) for f in request.files)).items()
    }
    services = whole.get("services")
    if not isinstance(services, list) or len(services) != len(request.services):
        raise BadAnswer(f"it does not tell of {len(request.services)} services")
    return ApplyResult(files, tuple(_text(each, "a service") for each in services))


def boot(found: object) -> str:
    """Return which boot of the host this is; BadAnswer where it does not tell."""
    return _text(_object(found, "the answer").get("boot"), "boot")


def command_result(found: object) -> CommandResult:
    """Return what came of a command; BadAnswer for something else."""
    whole = _object(found, "the answer")
    why = _line(whole, "failed")
    if why:
        return CommandResult(None, why=why)
    status, out = whole.get("status"), whole.get("out")
    if type(status) is not int or not isinstance(out, str):
        raise BadAnswer("it does not tell how the command ended")
    return CommandResult(status, out, _line(whole, "err"))


def failure(found: object) -> str:
    """Return why the host did not do it; empty: it did."""
    return _line(_object(found, "the answer"), "failed")


def _object(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise BadAnswer(f"{what} is no object")
    return found


def _named(whole: dict[str, Any], key: str, names: Iterable[str]) -> dict[str, Any]:
    """Return the object *key*, which is to have exactly the keys *names*."""
    found = _object(whole.get(key), key)
    if found.keys() != set(names):
        raise BadAnswer(f"it tells of other {key} than it was asked for")
    return found


def _files(whole: dict[str, Any], query: list[str]) -> dict[str, Any]:
    """Return the object `files`: each path that was asked for, and of each with a `*` any."""
    found = _object(whole.get("files"), "files")
    patterns = [path for path in query if "*" in path]
    extra = found.keys() - set(query)
    if not found.keys() >= set(query) - set(patterns) or not all(
        any(_fits(path, pattern) for pattern in patterns) for path in extra
    ):
        raise BadAnswer("it tells of other files than it was asked for")
    return found


def _fits(path: str, pattern: str) -> bool:
    folder, _, name = path.rpartition("/")
    of, _, names = pattern.rpartition("/")
    return folder == of and name not in ("", ".", "..") and fnmatch.fnmatchcase(name, names)


def _content(file: dict[str, Any], path: str) -> bytes | None:
    text = file.get("content", "")
    if text is None:
        return None
    if not isinstance(text, str) or "content" not in file:
        raise BadAnswer(f"{path} has no content")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadAnswer(f"the content of {path} is not in base 64") from None


def _three_lines(found: object, path: str) -> tuple[str, str, str]:
    if not isinstance(found, list) or len(found) != 3:
        raise BadAnswer(f"it does not tell what became of {path}")
    return _text(found[0], path), _text(found[1], path), _text(found[2], path)


def _kernel(whole: dict[str, Any]) -> str | None:
    found = whole.get("kernel")
    return None if found is None else _text(found, "kernel", _KERNEL_BYTES)


def _line(whole: dict[str, Any], key: str) -> str:
    return _text(whole.get(key, ""), key)


def _text(found: object, what: str, longest: int = 300) -> str:
    if not isinstance(found, str):
        raise BadAnswer(f"{what} is no text")
    return one_line(found, longest)
