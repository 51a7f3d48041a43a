# SPDX-License-Identifier: Apache-2.0
"""What is dead, missing or not collected is no success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.facts.evidence import (
    AGENT_CONF,
    ESWITCHD_CONF,
    FABRICD_CONF,
    ML2_CONF,
    NEUTRON_CONF,
    OPENSM_CONF,
    Evidence,
    Missing,
)
from ibstack.facts.site import Agent, Site
from ibstack.verify.check import State
from ibstack.verify.report import exit_status
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
NONE = Missing("there is no such file", absent=True)
SERVER = Evidence(
    "controller",
    {
        ML2_CONF: "[ml2]\nmechanism_drivers = infiniband\n"
        "[ml2_type_vlan]\nnetwork_vlan_ranges = ibhostnet:1:100\n",
    },
    frozenset({"etc/ibstack", "etc/opensm"}),
)


def adapter_host(name: str = "node002", *, alive: bool = True) -> Agent:
    row = {"adapters": [{"physical_network": "ibhostnet", "kind": "mlx5"}], "problems": []}
    return Agent(MELLANOX_AGENT, "ibstack-agent", name, alive, True, row)


def fabricd(name: str, role: str = "standby", *, alive: bool = True) -> Agent:
    row = {"physical_networks": ["ibhostnet"], "role": role, "problems": []}
    return Agent(PARTITION_AGENT, "ibstack-fabricd", name, alive, True, row)


def states(check: str, agents: tuple[Agent, ...], *hosts: Evidence) -> list[State]:
    site = Site({host.host: host for host in hosts}, agents=agents)
    return [each.state for each in said_by(check, site)]


@pytest.mark.parametrize(
    ("agents", "state"),
    [
        ((adapter_host(),), OK),
        ((adapter_host(), fabricd("head", "master")), OK),
        ((adapter_host(), fabricd("head", "master"), fabricd("n1", alive=False)), OK),
        ((adapter_host(), fabricd("head", "master", alive=False)), FAILED),
        ((adapter_host(), fabricd("head", "master", alive=False), fabricd("n1")), FAILED),
        ((adapter_host(alive=False), fabricd("head", "master")), FAILED),
    ],
)
def test_a_network_is_served_by_what_is_alive_and_dead_fabricds_make_no_static_site(
    agents: tuple[Agent, ...], state: State
) -> None:
    assert states("network-served", agents, SERVER) == [state]


ADAPTER = {ESWITCHD_CONF: "[eswitch]\n", NEUTRON_CONF: NONE, AGENT_CONF: NONE}


@pytest.mark.parametrize(
    ("texts", "row", "state"),
    [
        (ADAPTER, "node002", OK),
        (ADAPTER, "node002.cluster", OK),
        (ADAPTER, "node003", FAILED),
        ({**ADAPTER, AGENT_CONF: "[DEFAULT]\nhost = compute7\n"}, "compute7", OK),
        ({**ADAPTER, AGENT_CONF: "[DEFAULT]\nhost = compute7\n"}, "node002", FAILED),
        ({**ADAPTER, NEUTRON_CONF: "[DEFAULT]\nhost = compute7\n"}, "compute7", OK),
        ({**ADAPTER, NEUTRON_CONF: Missing("it was not collected")}, "node003", UNKNOWN),
    ],
)
def test_a_host_that_is_to_have_an_agent_has_a_row(
    texts: Mapping[str, str | Missing], row: str, state: State
) -> None:
    found = states("agents-alive", (adapter_host(row),), host_with(texts))

    assert found[-1] is state  # Behind those of the rows that there are.


def test_an_sm_host_without_a_row_fails_also_where_there_are_no_rows_at_all() -> None:
    host = host_with({FABRICD_CONF: "[fabric]\n", NEUTRON_CONF: NONE}, "head")

    assert states("agents-alive", (), host) == [FAILED]


def test_a_cloud_without_any_such_agent_is_not_called_right() -> None:
    assert states("agents-alive", (), SERVER) == [UNKNOWN]


def test_of_a_controller_alone_the_keys_of_the_fabric_are_not_known() -> None:
    site = Site({"controller": SERVER}, agents=(adapter_host(), fabricd("head", "master")))

    checks = said_by("key-ranges", site)

    assert [each.state for each in checks] == [UNKNOWN]
    assert exit_status(checks) == 4


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("[fabric]\nphysical_network = ibhostnet\n", [OK]),
        ("[fabric]\nphysical_network = ibhostnet\nowned_keys = 0x0001-0x0010\n", [FAILED]),
        (Missing("permission denied"), [UNKNOWN]),
        (NONE, []),
    ],
)
def test_keys_are_judged_by_the_settings_of_sm_hosts(
    settings: str | Missing, found: list[State]
) -> None:
    host = host_with({OPENSM_CONF: "", FABRICD_CONF: settings}, "head")

    assert states("key-ranges", (), SERVER, host) == found
