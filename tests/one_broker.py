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
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", "ibstack@localhost", *words],
            env={
                **os.environ,
                "HOME": str(self.lab.service("rabbitmq")),
                "ERL_EPMD_PORT": str(self.lab.port("epmd")),
            },
            check=True,
            capture_output=True,
            timeout=60,
        )

    def channel(self, opened: ExitStack, user: str) -> Any:
        address = f"127.0.0.1:{self.port}"
        connection = opened.enter_context(
            amqp.Connection(address, userid=user, password="secret", confirm_publish=True)
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
