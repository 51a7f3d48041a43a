# SPDX-License-Identifier: Apache-2.0
"""A cluster's hosts that are reached by ssh: they are started again, and installed by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.hosts import Progress
from ibstack.fabric.errors import Refused
from ibstack.transport.backups import KEPT
from ibstack.transport.host_state import UP
from ibstack.transport.ssh import SshTransport
from ibstack.transport.ssh_answer import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePosixPath

    from ibstack.cluster.rollout.hosts import Installation
    from ibstack.transport.ssh_settings import SshSettings

_POLL_S: Final = 5.0


class SshHosts(SshTransport):
    """The hosts that ssh knows by the names of devices.  Implements Hosts."""

    installs: Final = False

    def __init__(
        self,
        settings: SshSettings,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        kept: PurePosixPath = KEPT,
    ) -> None:
        """*now* dates what is kept aside below *kept*, and says how long a reboot takes."""
        super().__init__(settings, now, kept)
        self._sleep = sleep

    def switch_off(self, names: Iterable[str]) -> None:
        raise Refused(f"cannot switch off {', '.join(names)}: ssh has no hand on their power")

    def start(self, installations: Sequence[Installation]) -> Iterator[tuple[str, Progress]]:
        """Reboot the hosts all at once and wait for them; nothing is installed."""
        names = [each.host for each in installations]
        before = self.boots(names)
        asked = self.reboot(before)
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
            for host, boot in self.boots(left).items():
                if boot != left[host]:
                    del left[host]
                    yield host, Progress(UP)
        for host in left if timeout_s else ():
            yield host, Progress(f"did not come back within {timeout_s} s; look at it", "error")


def _why_not(found: NoAnswer) -> str:
    # A host that goes down may take the connection with it before it answers.
    return "" if found.maybe_done else found.why
