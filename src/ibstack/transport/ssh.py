# SPDX-License-Identifier: Apache-2.0
"""Hosts that are reached by ssh: nothing of ibstack is installed there, they need Python 3."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ibstack.transport import host_answer, remote_files
from ibstack.transport.apply_request import ApplyResult
from ibstack.transport.backups import KEPT, stamp
from ibstack.transport.command import MOST_BYTES, CommandResult
from ibstack.transport.query import Observation, Query
from ibstack.transport.remote_program import program
from ibstack.transport.ssh_answer import NoAnswer, answer
from ibstack.transport.ssh_task import run_on

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePosixPath

    from ibstack.transport.apply_request import ApplyRequest
    from ibstack.transport.ssh_settings import SshSettings
    from ibstack.transport.ssh_task import SshOutput
    from ibstack.transport.transport import Listener
_Value = TypeVar("_Value")

_FRAME_BYTES: Final = 256 * 1024
"""Of an answer, beside the contents of files."""
_MAYBE: Final = "; it may be done there or not: drift tells"


class SshTransport:
    """The hosts that ssh knows by their names.  Implements HostTransport."""

    def __init__(
        self,
        settings: SshSettings,
        now: Callable[[], datetime],
        kept: PurePosixPath = KEPT,
    ) -> None:
        """*now* dates what is kept aside below *kept*."""
        self._settings = settings
        self._now = now
        self._kept = kept

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        seen = self.query(dict.fromkeys(names, Query()))
        return {host: each.state for host, each in seen.items() if each.state is not None}

    def query(self, queries: Mapping[str, Query]) -> Mapping[str, Observation]:
        messages = {host: _query_message(query) for host, query in queries.items()}
        most = _most_bytes(max((len(query.files) for query in queries.values()), default=0))
        return {
            host: _unobserved(each) if isinstance(each, NoAnswer) else each
            for host, each in self._ask(
                messages, lambda host, found: host_answer.observation(found, queries[host]), most
            ).items()
        }

    def apply(
        self, requests: Mapping[str, ApplyRequest], listener: Listener | None = None
    ) -> Mapping[str, ApplyResult]:
        messages = {host: self._apply_message(request) for host, request in requests.items()}
        found: dict[str, ApplyResult] = {}

        def finished(host: str, answer: ApplyResult | NoAnswer) -> None:
            found[host] = result = _unapplied(answer) if isinstance(answer, NoAnswer) else answer
            if listener is not None:
                listener.finished(host, result)

        self._ask(
            messages,
            lambda host, answer: host_answer.apply_result(answer, requests[host]),
            finished=finished,
            waiting=None if listener is None else listener.waiting,
        )
        return found

    def run(self, commands: Mapping[str, Sequence[str]]) -> Mapping[str, CommandResult]:
        """Run each host's command there, as RunsCommands has it, by the Python of the settings."""
        bounds = {"most": MOST_BYTES, "timeout": self._settings.timeout_s}
        requests: dict[str, dict[str, Any]] = {
            host: {"do": "run", "command": [*command], **bounds}
            for host, command in commands.items()
        }
        # A character of the output may take six in JSON.
        most = 6 * MOST_BYTES + _FRAME_BYTES
        answers = self._ask(requests, lambda _, found: host_answer.command_result(found), most)
        return {
            host: CommandResult(None, why=each.why) if isinstance(each, NoAnswer) else each
            for host, each in answers.items()
        }

    def reboot(self, hosts: Iterable[str]) -> dict[str, str | NoAnswer]:
        """Ask hosts to start again; return by host why it does not, empty: it does, or NoAnswer."""
        requests: dict[str, dict[str, Any]] = {host: {"do": "reboot"} for host in hosts}
        return self._ask(requests, lambda _, found: host_answer.failure(found))

    def boots(self, hosts: Iterable[str]) -> dict[str, str]:
        """Return which boot each host that answers is in, by host."""
        messages = {host: _query_message(Query()) for host in hosts}
        answers = self._ask(messages, lambda _, found: host_answer.boot(found))
        return {host: each for host, each in answers.items() if isinstance(each, str)}

    def _ask(
        self,
        requests: Mapping[str, dict[str, Any]],
        read: Callable[[str, object], _Value],
        most_bytes: int = _FRAME_BYTES,
        finished: Callable[[str, _Value | NoAnswer], None] | None = None,
        waiting: Callable[[Collection[str]], None] | None = None,
    ) -> dict[str, _Value | NoAnswer]:
        """Return what *read* makes of each host's answer, of at most *most_bytes*.

        *finished* is told of each as it comes, and *waiting* of those that take longer.
        """
        programs = {host: program(request) for host, request in requests.items()}
        found: dict[str, _Value | NoAnswer] = {}

        def on_end(host: str, output: SshOutput) -> None:
            timeout_s = self._settings.timeout_s
            found[host] = answer(output, timeout_s, most_bytes, partial(read, host))
            if finished is not None:
                finished(host, found[host])

        if programs:
            # Packed it is smaller, but in base 64 and among what somebody's login prints.
            run_on(programs, self._settings, most_bytes * 3 // 2, on_end, waiting)
        return found

    def _apply_message(self, request: ApplyRequest) -> dict[str, Any]:
        files = [
            {
                "path": str(each.path),
                "before": remote_files.digest(each.before),
                "after": None if each.after is None else base64.b64encode(each.after).decode(),
                "mode": each.mode,
                "group": each.group,
                "keep": each.keep,
                "secret": each.secret,
            }
            for each in request.files
        ]
        services = [(each.name, each.action, each.at_boot) for each in request.services]
        kept = {"kept": str(self._kept), "stamp": stamp(self._now()), "revision": request.revision}
        return {"do": "apply", "files": files, "services": services, **kept}


def _query_message(query: Query) -> dict[str, Any]:
    return {
        "do": "query",
        "files": [*map(str, query.files)],
        "linked": query.linked,
        "services": [*query.services],
    }


def _most_bytes(files: int) -> int:
    """Return how large an answer that tells of so many files may be, when it is unpacked."""
    # In base 64 four thirds, and an error message may stand in a file's place.
    return _FRAME_BYTES + files * (remote_files.LARGEST_BYTES * 4 // 3 + 1024)


def _unobserved(found: NoAnswer) -> Observation:
    return Observation(found.state, found.why, (found.flag,) if found.flag else ())


def _unapplied(found: NoAnswer) -> ApplyResult:
    return ApplyResult(failed=found.why + (_MAYBE if found.maybe_done else ""))
