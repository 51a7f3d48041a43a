# SPDX-License-Identifier: Apache-2.0
"""A real ibstack-eswitchd process on a fake sysfs tree, and ebrctl beside it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ibstack.host.client.eswitch_client import EswitchClient
from one_adapter import OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SCRIPTS = Path(sys.executable).parent


def until(is_so: Callable[[], object], *, within_s: float = 20) -> None:
    """Return when *is_so* returns something true; fail where it does not in time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {within_s} s"
        time.sleep(0.01)


class Daemon(OneAdapter):
    """Runs until it is left; may be killed and started in between."""

    def __init__(self, variant: Variant, *, vfs: int = 4, extra: str = "") -> None:
        super().__init__(variant, vfs=vfs)
        self.folder.chmod(0o755)
        self.socket = self.folder / "eswitchd.sock"
        self.config = self.folder / "eswitchd.conf"
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.client = EswitchClient(self.socket)
        self.config.write_text(
            "[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n"
            f"[eswitchd]\nsocket = {self.socket}\nstate_path = {self.folder / 'state'}\n"
            f"sysfs = {self.hardware.root}\n{extra}"
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self.run()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.kill()
        super().__exit__(kind, error, trace)

    def run(self, **env: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [SCRIPTS / "ibstack-eswitchd", "--config-file", self.config],
                stderr=log,
                env={**os.environ, **env},
            )
        until(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.socket))
            return True
        return False

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process = None
        return status

    def ask(self, data: bytes, *, shut: bool = False) -> list[dict[str, Any]]:
        """Send *data* and return the answers until it closes, or until one came if not *shut*."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(20)
            asking.connect(str(self.socket))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                asking.sendall(data)
                if shut:
                    asking.shutdown(socket.SHUT_WR)
            with asking.makefile("rb") as lines, contextlib.suppress(ConnectionResetError):
                if shut:
                    return [json.loads(line) for line in lines]
                return [json.loads(lines.readline())]
        return []

    def ebrctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPTS / "ebrctl", *words],
            env={"IBSTACK_ESWITCHD_SOCKET": str(self.socket), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
