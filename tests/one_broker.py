# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of a test's own, with the accounts that the test makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import amqp

from ibstack_lab.folder import LabFolder
from ibstack_lab.services.rabbitmq import RabbitMq

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL: Final = "lab"
"""The account that may do everything."""
_CONTROL: Final = ("/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", "ibstack@localhost")
THERE: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()


@dataclass(frozen=True)
class Broker:
    """A RabbitMQ that runs; every account has one password."""

    lab: LabFolder

    @property
    def port(self) -> int:
        return self.lab.port("rabbitmq")

    def url(self, user: str) -> str:
        return f"rabbit://{user}:secret@127.0.0.1:{self.port}/"

    def control(self, *words: str) -> None:
        """Run Debian's rabbitmqctl, without the script that becomes the user rabbitmq."""
        subprocess.run(
            [*_CONTROL, *words], env=self._environment, check=True, capture_output=True, timeout=60
        )

    def run_script(self, script: Path) -> str:
        """Run a script of the shell, which finds the same rabbitmqctl, and return what it says."""
        programs = self.lab.root / "bin"
        programs.mkdir(exist_ok=True)
        program = programs / "rabbitmqctl"
        program.write_text(f'#!/bin/sh\nexec {" ".join(_CONTROL)} "$@"\n')
        program.chmod(0o755)
        environment = {**self._environment, "PATH": f"{programs}:{os.environ['PATH']}"}
        argv = ["sh", str(script)]
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.lab.service("rabbitmq")),
            "ERL_EPMD_PORT": str(self.lab.port("epmd")),
        }

    def channel(self, opened: ExitStack, user: str, password: str = "secret") -> Any:
        address = f"127.0.0.1:{self.port}"
        connection = opened.enter_context(
            amqp.Connection(address, userid=user, password=password, confirm_publish=True)
        )
        return connection.channel()


@contextmanager
def running_broker() -> Iterator[Broker]:
    """Yield one with the account ALL."""
    with ExitStack() as opened:
        folder = Path(tempfile.mkdtemp(prefix="ib"))
        opened.callback(shutil.rmtree, folder)
        lab = LabFolder(folder)
        lab.choose_ports()
        rabbit = RabbitMq(lab, "secret")
        rabbit.configure()
        for process, ready in (
            (rabbit.port_mapper(), rabbit.port_mapper_ready),
            (rabbit.process(), rabbit.ready),
        ):
            opened.callback(process.stop)
            process.start()
            process.wait_until(ready, timeout_s=90)
        yield Broker(lab)
