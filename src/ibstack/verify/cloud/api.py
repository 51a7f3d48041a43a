# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents from its API, through openstacksdk: OS_* in the environment, or OS_CLOUD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ibstack.fabric.errors import TryLater
from ibstack.verify.cloud.agents import agent_of

if TYPE_CHECKING:
    from ibstack.verify.site import Agent


def read_agents() -> tuple[Agent, ...]:
    """Return every agent; TryLater where Neutron cannot be asked."""
    try:
        answer = openstack.connect().network.get("/agents")
        answer.raise_for_status()
        return tuple(agent_of(row) for row in answer.json()["agents"])
    except (SDKException, ClientException, OSError, ValueError, KeyError) as error:
        raise TryLater(
            f"cannot ask Neutron for its agents: {error}; is the cloud up, and are OS_AUTH_URL,"
            " OS_USERNAME and the rest of OS_* those of an operator?"
        ) from error
