# SPDX-License-Identifier: Apache-2.0
"""One command on many hosts at once, through ssh and ClusterShell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ClusterShell.Event import EventHandler
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from ClusterShell.Task import task_self
from ClusterShell.Worker.EngineClient import EngineClientEOF
from ClusterShell.Worker.Ssh import SshClient, WorkerSsh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ibstack.transport.ssh_settings import SshSettings

# What is known by its words must not be said in another language.
_SSH: Final = "env LC_ALL=C ssh"
_LONGEST_LINE: Final = 65536
"""Bytes; an answer's own lines have some 4000."""
_QUIET_S: Final = 2.0
"""How long nobody is heard before those are named that are waited for."""


@dataclass(slots=True)
class SshOutput:
    """What came of the command on one host."""

    out: list[bytes] = field(default_factory=list)
    """Lines of its standard output."""
    err: list[bytes] = field(default_factory=list)
    """Lines of its standard error, and of ssh's."""
    status: int | None = None
    """Its exit status; 255 is ssh's own.  None: it took too long."""
    too_large: bool = False
    """It said more than it may, and was not listened to any longer."""


class _OutputCollector(EventHandler):
    """Gathers what hosts say, and hands on what each said when it ends."""

    def __init__(
        self, hosts: Collection[str], most_bytes: int, on_end: Callable[[str, SshOutput], None]
    ) -> None:
        super().__init__()
        self.most_bytes = most_bytes
        self._on_end = on_end
        self._outputs = {host: SshOutput() for host in hosts}
        self._ended = 0
        self._ended_before = 0

    def ev_read(self, worker: Any, node: str, sname: str, msg: bytes) -> None:
        output = self._outputs[node]
        (output.err if sname == worker.SNAME_STDERR else output.out).append(bytes(msg))

    def ev_hup(self, worker: Any, node: str, rc: int) -> None:
        self._outputs[node].status = rc
        self.end(node)

    def too_much(self, node: str) -> None:
        self._outputs[node].too_large = True

    def end(self, node: str) -> None:
        """Hand on what a host said: it says no more."""
        self._ended += 1
        self._on_end(node, self._outputs.pop(node))

    def end_all(self) -> None:
        """Hand on what those said that took too long."""
        for node in list(self._outputs):
            self.end(node)

    def still_waiting(self) -> list[str]:
        """Return who is waited for; nobody, where others have ended since this was asked before."""
        quiet, self._ended_before = self._ended == self._ended_before, self._ended
        return list(self._outputs) if quiet else []


class _Clock(EventHandler):
    """Tells once of a silence who is waited for."""

    def __init__(
        self, collector: _OutputCollector, waiting: Callable[[Collection[str]], None]
    ) -> None:
        super().__init__()
        self._collector = collector
        self._waiting = waiting
        self._named: list[str] = []

    def ev_timer(self, timer: Any) -> None:
        late = self._collector.still_waiting()
        if late and late != self._named:
            self._waiting(late)
            self._named = late


class _BoundedSsh(SshClient):
    """One ssh; it ends where its host says too much, for ClusterShell keeps a line to its end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bytes_read: dict[str, int] = {}

    def _read(self, sname: str, size: int = 65536) -> bytes:
        piece = bytes(super()._read(sname, size))
        self._bytes_read[sname] = total = self._bytes_read.get(sname, 0) + len(piece)
        collector = self.worker.eh
        if total <= collector.most_bytes and len(self.streams[sname].rbuf) <= _LONGEST_LINE:
            return piece
        collector.too_much(self.key)
        self.streams[sname].rbuf = b""
        self.popen.kill()
        raise EngineClientEOF


class _BoundedWorker(WorkerSsh):
    SHELL_CLASS = _BoundedSsh


def run_on(
    programs: Mapping[str, bytes],
    settings: SshSettings,
    most_bytes: int,
    on_end: Callable[[str, SshOutput], None],
    waiting: Callable[[Collection[str]], None] | None = None,
) -> None:
    """Run Python on each host that is named, its standard input one of *programs*.

    *most_bytes*: what a host may say on each of its two streams.  *on_end* is given what each host
    said as soon as it ends, *waiting* who is still at work when nobody was heard for 2 seconds.
    """
    alike: dict[bytes, list[str]] = {}
    for host, text in programs.items():
        alike.setdefault(text, []).append(host)
    task = task_self()
    _set(task, settings)
    collector = _OutputCollector(programs.keys(), most_bytes, on_end)
    # Without what a site or the user's folder adds to Python, and nothing that a shell could mean.
    for text, hosts in alike.items():
        worker = _BoundedWorker(
            NodeSet.fromlist(hosts, resolver=RESOLVER_NOGROUP),
            handler=collector,
            timeout=settings.timeout_s,
            command=f"{settings.python} -IS -",
            stderr=True,
        )
        task.schedule(worker)
        worker.write(text)
        worker.set_write_eof()
    if waiting is not None:
        task.timer(_QUIET_S, _Clock(collector, waiting), interval=_QUIET_S, autoclose=True)
    task.resume()
    collector.end_all()


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
