# SPDX-License-Identifier: Apache-2.0
"""The lab's RabbitMQ: Debian's programs, own node, ports, cookie and Erlang port mapper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import amqp

from ibstack_lab.folder import listening

if TYPE_CHECKING:
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process

# Debian's /usr/sbin/rabbitmq-server changes to the user rabbitmq and /var/lib/rabbitmq.
_SERVER: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_USER: Final = "lab"


class RabbitMq:
    """A broker beside any other on this machine: it shares no name, port or file with it."""

    def __init__(self, lab: LabFolder, password: str) -> None:
        self._lab = lab
        self._folder = lab.service("rabbitmq")
        self._password = password

    @property
    def transport_url(self) -> str:
        """What oslo.messaging connects to."""
        return f"rabbit://{_USER}:{self._password}@127.0.0.1:{self._lab.port('rabbitmq')}/"

    def configure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / "plugins").write_text("[].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._lab.port('rabbitmq')}\n"
            f"default_user = {_USER}\n"
            f"default_pass = {self._password}\n"
        )

    def port_mapper(self) -> Process:
        """Return Erlang's epmd as a process of ours.

        A node without one starts one, which stays for ever, on a port that it shares with a
        system's RabbitMQ.
        """
        port = str(self._lab.port("epmd"))
        return self._lab.process("epmd", ("epmd", "-port", port, "-address", "127.0.0.1"))

    def process(self) -> Process:
        folder = self._folder
        env = {
            "HOME": str(folder),  # the cookie's place
            "ERL_EPMD_PORT": str(self._lab.port("epmd")),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "ibstack@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._lab.port("rabbitmq")),
            "RABBITMQ_DIST_PORT": str(self._lab.port("rabbitmq-nodes")),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            # So that the start script becomes the server, instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        return self._lab.process("rabbitmq", (_SERVER,), env=env, cwd=folder)

    def ready(self) -> bool:
        return listening(self._lab.port("rabbitmq"))

    def served(self, queue: str) -> bool:
        """Return whether somebody takes messages from *queue*."""
        address = f"127.0.0.1:{self._lab.port('rabbitmq')}"
        try:
            with amqp.Connection(address, userid=_USER, password=self._password) as connection:
                declared = connection.channel().queue_declare(queue, passive=True)
        except (OSError, amqp.AMQPError):
            return False
        return bool(declared.consumer_count)

    def port_mapper_ready(self) -> bool:
        return listening(self._lab.port("epmd"))
