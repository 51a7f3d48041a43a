# SPDX-License-Identifier: Apache-2.0
"""Hosts that are reached by ssh: nothing of ibstack is installed there, they need Python 3."""

from __future__ import annotations

import base64
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.files.host_folder import stamp
from ibstack.cluster.hosts import far_side
from ibstack.cluster.hosts.hosts import UP, Progress, Running
from ibstack.cluster.hosts.look import Look, Seen, SeenFiles
from ibstack.cluster.hosts.order import Done, FileDone
from ibstack.cluster.hosts.ssh_answer import NoAnswer, answer
from ibstack.cluster.hosts.ssh_task import run_on
from ibstack.cluster.settings import KEPT
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ibstack.cluster.hosts.hosts import Installation
    from ibstack.cluster.hosts.order import Order
    from ibstack.cluster.ssh_settings import SshSettings

    Answers = dict[str, dict[str, Any] | NoAnswer]

_POLL_S: Final = 5.0
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
        self._script = Path(far_side.__file__).read_bytes()

    def states(self, names: Iterable[str]) -> Mapping[str, str]:
        seen = self.look(dict.fromkeys(names, Look()))
        return {host: each.state for host, each in seen.items() if each.state is not None}

    def look(self, asked: Mapping[str, Look]) -> Mapping[str, Seen]:
        questions = {host: _question(look) for host, look in asked.items()}
        return {host: _seen(each) for host, each in self._ask(questions).items()}

    def bring(self, orders: Mapping[str, Order]) -> Mapping[str, Done]:
        told = {host: self._told(order) for host, order in orders.items()}
        return {host: _done(each) for host, each in self._ask(told).items()}

    def switch_off(self, names: Iterable[str]) -> None:
        raise Refused(f"cannot switch off {', '.join(names)}: ssh has no hand on their power")

    def start(self, installations: Sequence[Installation]) -> Iterator[tuple[str, Progress]]:
        """Reboot the hosts all at once and wait for them; nothing is installed."""
        names = [each.host for each in installations]
        before = self._boots(names)
        asked = self._ask({host: {"do": "reboot"} for host in before})
        waited = []
        for host, each in asked.items():
            why = _why_not_rebooting(each)
            if why:
                yield host, Progress(f"cannot reboot: {why}", "error")
            else:
                yield host, Progress("Reboot was asked for")
                waited.append(host)
        for host in names:
            if host not in before:
                yield host, Progress("cannot reboot: it does not answer any more", "error")
        yield from self._wait({host: before[host] for host in waited})

    def _wait(self, before: Mapping[str, object]) -> Iterator[tuple[str, Progress]]:
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

    def _boots(self, hosts: Iterable[str]) -> dict[str, object]:
        answers = self._ask({host: _question(Look()) for host in hosts})
        return {host: each["boot"] for host, each in answers.items() if isinstance(each, dict)}

    def _ask(self, requests: Mapping[str, dict[str, Any]]) -> Answers:
        # The call is the last line and needs its bracket: of a text that was cut off nothing is
        # done, because Python reads all of it first.
        said = {
            host: self._script + f'\nmain("{far_side.packed(request)}")\n'.encode()
            for host, request in requests.items()
        }
        heard = run_on(said, self._settings) if said else {}
        return {host: answer(each, self._settings.timeout_s) for host, each in heard.items()}

    def _told(self, order: Order) -> dict[str, Any]:
        files = [
            {
                "path": str(each.path),
                "before": far_side.digest(each.before),
                "after": None if each.after is None else base64.b64encode(each.after).decode(),
                "mode": each.mode,
                "keep": each.keep,
            }
            for each in order.files
        ]
        services = [(each.name, each.action, each.at_boot) for each in order.services]
        kept = {"kept": str(self._kept), "stamp": stamp(self._now())}
        return {"do": "bring", "files": files, "services": services, **kept}


def _question(look: Look) -> dict[str, Any]:
    return {"do": "look", "files": [*map(str, look.files)], "services": [*look.services]}


def _seen(found: dict[str, Any] | NoAnswer) -> Seen:
    if isinstance(found, NoAnswer):
        return Seen(found.state, found.why, (found.flag,) if found.flag else ())
    contents: dict[PurePosixPath, bytes | None] = {}
    failures: dict[PurePosixPath, str] = {}
    for path, each in found["files"].items():
        if "failed" in each:
            failures[PurePosixPath(path)] = each["failed"]
        else:
            text = each["content"]
            contents[PurePosixPath(path)] = None if text is None else base64.b64decode(text)
    # What boot loaders add, nobody has committed.
    running = Running(None, found["kernel"], whole=False)
    flags = ("services-unknown",) if found["failed"] else ()
    files = SeenFiles(contents, failures)
    return Seen(UP, flags=flags, files=files, services=found["services"], running=running)


def _done(found: dict[str, Any] | NoAnswer) -> Done:
    if isinstance(found, NoAnswer):
        return Done(failed=found.why + (_MAYBE if found.maybe_done else ""))
    if found.get("stale") or found.get("failed"):
        return Done(stale=bool(found.get("stale")), failed=found.get("failed", ""))
    files = {PurePosixPath(path): FileDone(*each) for path, each in found["files"].items()}
    return Done(files, tuple(found["services"]))


def _why_not_rebooting(found: dict[str, Any] | NoAnswer) -> str:
    if isinstance(found, NoAnswer):
        # A host that goes down may take the connection with it before it answers.
        return "" if found.maybe_done else found.why
    return str(found.get("failed", ""))
