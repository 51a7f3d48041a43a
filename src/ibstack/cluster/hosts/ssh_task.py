# SPDX-License-Identifier: Apache-2.0
"""One command on many hosts at once, through ssh and ClusterShell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ClusterShell.Event import EventHandler
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from ClusterShell.Task import task_self
from ClusterShell.Worker.Ssh import WorkerSsh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.cluster.ssh_settings import SshSettings

# What is known by its words must not be said in another language.
_SSH: Final = "env LC_ALL=C ssh"


@dataclass(slots=True)
class Heard:
    """What came of the command on one host."""

    out: list[bytes] = field(default_factory=list)
    """Lines of its standard output."""
    err: list[bytes] = field(default_factory=list)
    """Lines of its standard error, and of ssh's."""
    status: int | None = None
    """Its exit status; 255 is ssh's own.  None: it took too long."""


class _Ear(EventHandler):
    """Gathers what hosts say."""

    def __init__(self, heard: dict[str, Heard]) -> None:
        super().__init__()
        self._heard = heard

    def ev_read(self, worker: Any, node: str, sname: str, msg: bytes) -> None:
        heard = self._heard[node]
        (heard.err if sname == worker.SNAME_STDERR else heard.out).append(bytes(msg))

    def ev_hup(self, worker: Any, node: str, rc: int) -> None:
        self._heard[node].status = rc


def run_on(said: Mapping[str, bytes], settings: SshSettings) -> dict[str, Heard]:
    """Run Python on each host that is named, its standard input what is *said* to it."""
    heard = {host: Heard() for host in said}
    alike: dict[bytes, list[str]] = {}
    for host, text in said.items():
        alike.setdefault(text, []).append(host)
    task = task_self()
    _set(task, settings)
    ear = _Ear(heard)
    # Without what a site or the user's folder adds to Python, and nothing that a shell could mean.
    for text, hosts in alike.items():
        worker = WorkerSsh(
            NodeSet.fromlist(hosts, resolver=RESOLVER_NOGROUP),
            handler=ear,
            timeout=settings.timeout_s,
            command=f"{settings.python} -IS -",
            stderr=True,
        )
        task.schedule(worker)
        worker.write(text)
        worker.set_write_eof()
    task.resume()
    return heard


def _set(task: Any, settings: SshSettings) -> None:
    options = [*settings.options]
    if settings.config is not None:
        options += ["-F", str(settings.config)]
    if settings.port is not None:
        options += ["-p", str(settings.port)]
    task.set_info("ssh_path", _SSH)
    task.set_info("ssh_user", settings.user or None)
    task.set_info("ssh_options", shlex.join(("-T", *options)))
    task.set_info("connect_timeout", settings.connect_timeout_s)
    task.set_info("fanout", settings.fanout)
    task.set_default("stdout_msgtree", False)
    task.set_default("stderr_msgtree", False)
