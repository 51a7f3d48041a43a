# SPDX-License-Identifier: Apache-2.0
"""Hosts that are reached by ssh: nothing of ibstack is installed there, they need Python 3."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ibstack.cluster.hosts import far_files, host_answer
from ibstack.cluster.hosts.far_program import program
from ibstack.cluster.hosts.host_folder import stamp
from ibstack.cluster.hosts.host_state import UP
from ibstack.cluster.hosts.hosts import Progress
from ibstack.cluster.hosts.look import Look, Seen
from ibstack.cluster.hosts.order import Done
from ibstack.cluster.hosts.settings import KEPT
from ibstack.cluster.hosts.ssh_answer import NoAnswer, answer
from ibstack.cluster.hosts.ssh_task import run_on
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePosixPath

    from ibstack.cluster.hosts.hosts import Installation, Listener
    from ibstack.cluster.hosts.order import Order
    from ibstack.cluster.hosts.ssh_task import Heard
    from ibstack.cluster.ssh_settings import SshSettings
_Value = TypeVar("_Value")

_POLL_S: Final = 5.0
_FRAME_BYTES: Final = 256 * 1024
"""Of an answer, beside the contents of files."""
_MAYBE: Final = "; it may be done there or not: drift tells"


class SshHosts:
    """The hosts that ssh knows by the names of devices."""

    installs: Final = False

    def __init__(
        self,
        settings: SshSettings,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        kept: PurePosixPath = KEPT,
    ) -> None:
        """*now* dates what is kept aside below *kept*, and says how long a reboot takes."""
        self._settings = settings
        self._now = now
        self._sleep = sleep
        self._kept = kept

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        seen = self.look(dict.fromkeys(names, Look()))
        return {host: each.state for host, each in seen.items() if each.state is not None}

    def look(self, asked: Mapping[str, Look]) -> Mapping[str, Seen]:
        questions = {host: _question(look) for host, look in asked.items()}
        most = _most_bytes(max((len(look.files) for look in asked.values()), default=0))
        return {
            host: _not_seen(each) if isinstance(each, NoAnswer) else each
            for host, each in self._ask(
                questions, lambda host, found: host_answer.seen(found, asked[host]), most
            ).items()
        }

    def bring(
        self, orders: Mapping[str, Order], listener: Listener | None = None
    ) -> Mapping[str, Done]:
        told = {host: self._told(order) for host, order in orders.items()}
        found: dict[str, Done] = {}

        def heard(host: str, answer: Done | NoAnswer) -> None:
            found[host] = done = _not_done(answer) if isinstance(answer, NoAnswer) else answer
            if listener is not None:
                listener.heard(host, done)

        self._ask(
            told,
            lambda host, answer: host_answer.done(answer, orders[host]),
            heard=heard,
            waiting=None if listener is None else listener.waiting,
        )
        return found

    def switch_off(self, names: Iterable[str]) -> None:
        raise Refused(f"cannot switch off {', '.join(names)}: ssh has no hand on their power")

    def start(self, installations: Sequence[Installation]) -> Iterator[tuple[str, Progress]]:
        """Reboot the hosts all at once and wait for them; nothing is installed."""
        names = [each.host for each in installations]
        before = self._boots(names)
        requests: dict[str, dict[str, Any]] = {host: {"do": "reboot"} for host in before}
        asked = self._ask(requests, lambda _, found: host_answer.failure(found))
        waited = []
        for host, each in asked.items():
            why = _why_not(each) if isinstance(each, NoAnswer) else each
            if why:
                yield host, Progress(f"cannot reboot: {why}", "error")
            else:
                yield host, Progress("Reboot was asked for")
                waited.append(host)
        for host in names:
            if host not in before:
                yield host, Progress("cannot reboot: it does not answer any more", "error")
        yield from self._wait({host: before[host] for host in waited})

    def _wait(self, before: Mapping[str, str]) -> Iterator[tuple[str, Progress]]:
        """Yield hosts as they come back; *before*: the boot id that each had."""
        timeout_s = self._settings.reboot_timeout_s
        begun, left = self._now(), dict(before)
        while left and (self._now() - begun).total_seconds() < timeout_s:
            self._sleep(_POLL_S)
            for host, boot in self._boots(left).items():
                if boot != left[host]:
                    del left[host]
                    yield host, Progress(UP)
        for host in left if timeout_s else ():
            yield host, Progress(f"did not come back within {timeout_s} s; look at it", "error")

    def _boots(self, hosts: Iterable[str]) -> dict[str, str]:
        questions = {host: _question(Look()) for host in hosts}
        answers = self._ask(questions, lambda _, found: host_answer.boot(found))
        return {host: each for host, each in answers.items() if isinstance(each, str)}

    def _ask(
        self,
        requests: Mapping[str, dict[str, Any]],
        read: Callable[[str, object], _Value],
        most_bytes: int = _FRAME_BYTES,
        heard: Callable[[str, _Value | NoAnswer], None] | None = None,
        waiting: Callable[[Collection[str]], None] | None = None,
    ) -> dict[str, _Value | NoAnswer]:
        """Return what *read* makes of each host's answer, of at most *most_bytes*.

        *heard* is told of each as it comes, and *waiting* of those that take longer.
        """
        said = {host: program(request) for host, request in requests.items()}
        found: dict[str, _Value | NoAnswer] = {}

        def take(host: str, said: Heard) -> None:
            timeout_s = self._settings.timeout_s
            found[host] = answer(said, timeout_s, most_bytes, partial(read, host))
            if heard is not None:
                heard(host, found[host])

        if said:
            # Packed it is smaller, but in base 64 and among what somebody's login prints.
            run_on(said, self._settings, most_bytes * 3 // 2, take, waiting)
        return found

    def _told(self, order: Order) -> dict[str, Any]:
        files = [
            {
                "path": str(each.path),
                "before": far_files.digest(each.before),
                "after": None if each.after is None else base64.b64encode(each.after).decode(),
                "mode": each.mode,
                "group": each.group,
                "keep": each.keep,
            }
            for each in order.files
        ]
        services = [(each.name, each.action, each.at_boot) for each in order.services]
        kept = {"kept": str(self._kept), "stamp": stamp(self._now()), "revision": order.revision}
        return {"do": "bring", "files": files, "services": services, **kept}


def _question(look: Look) -> dict[str, Any]:
    return {
        "do": "look",
        "files": [*map(str, look.files)],
        "linked": look.linked,
        "services": [*look.services],
    }


def _most_bytes(files: int) -> int:
    """Return how large an answer that tells of so many files may be, when it is unpacked."""
    # In base 64 four thirds, and an error message may stand in a file's place.
    return _FRAME_BYTES + files * (far_files.LARGEST_BYTES * 4 // 3 + 1024)


def _not_seen(found: NoAnswer) -> Seen:
    return Seen(found.state, found.why, (found.flag,) if found.flag else ())


def _not_done(found: NoAnswer) -> Done:
    return Done(failed=found.why + (_MAYBE if found.maybe_done else ""))


def _why_not(found: NoAnswer) -> str:
    # A host that goes down may take the connection with it before it answers.
    return "" if found.maybe_done else found.why
