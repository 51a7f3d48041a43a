# SPDX-License-Identifier: Apache-2.0
"""The message broker of a cloud, and which account each of ibstack's parts has there."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Boolean, Text, Words

# Exports and histories are kept in places where no password belongs.
_OF_ACCOUNT: Final = "A file on the head node with the password of {}; unset: {}"

BROKER: Final = Kind(
    name="broker",
    singular="Broker",
    plural="Brokers",
    columns=(),
    inside=("partition",),
    single=True,
    kept_when_set=True,
    properties=(
        Property(
            "Nodes",
            Words(),
            (),
            "HOST or HOST:PORT of each node of RabbitMQ; unset: hosts are given no account.",
        ),
        Property("Virtual host", Text(), "/", "Neutron's at the broker."),
        Property("Exchange", Text(), "neutron", "Neutron's control_exchange."),
        Property(
            "Server password file",
            Text(),
            "",
            _OF_ACCOUNT.format("ibstack-server, neutron-server's account", "it keeps its own."),
        ),
        Property(
            "Agent password file",
            Text(),
            "",
            _OF_ACCOUNT.format(
                "ibstack-compute, ibstack-agent's account", "as neutron.conf has it."
            ),
        ),
        Property(
            "Fabricd password file",
            Text(),
            "",
            _OF_ACCOUNT.format("ibstack-fabricd", "as neutron.conf has it."),
        ),
        Property(
            "Answer key file",
            Text(),
            "",
            "A file on the head node with the key by which ibstack-fabricd and neutron-server know"
            " each other; unset: nothing is signed.",
        ),
        Property(
            "Unsigned reports",
            Boolean(),
            False,
            "neutron-server takes ibstack-fabricd's reports without a signature too: while the key"
            " is brought out.",
        ),
    ),
)
