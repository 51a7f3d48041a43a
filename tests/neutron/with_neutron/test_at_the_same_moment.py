# SPDX-License-Identifier: Apache-2.0
"""Requests at the same moment on a real MariaDB: where one may pass, two do not.

Threads are held where each has judged, or is about to judge, by an event of SQLAlchemy before each
statement; tests without such a hold let them run as they come.
"""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from one_host import eventually

from .conftest import NODE, Refused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sqlalchemy as sa
    from oslo_config import cfg

if TYPE_CHECKING:
    from collections.abc import Callable

    from one_database import OneDatabase

    from .conftest import Cloud

LIMIT_S = 60.0
GUID = "0x0002c90300000031"
# What the guest of a port with the MAC address fa:16:3e:00:00:09 sends by itself.
MAC, ITS_ID = "fa:16:3e:00:00:09", "20:fa:16:3e:00:00:00:00:09"


class Meeting:
    """Holds each thread that joins before its first statement that *is_it* names, until all are."""

    def __init__(self, database: OneDatabase, of: int, is_it: Callable[[str], bool]) -> None:
        self._is_it = is_it
        self._barrier = threading.Barrier(of, timeout=LIMIT_S)
        self._of_thread = threading.local()
        sa.event.listen(database.engine, "before_cursor_execute", self._before)

    def join(self) -> None:
        self._of_thread.is_meant = True

    def _before(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if getattr(self._of_thread, "is_meant", False) and self._is_it(statement.lower()):
            self._of_thread.is_meant = False
            self._barrier.wait()


@pytest.fixture
def cloud(cloud_on_mariadb: Cloud) -> Cloud:
    return cloud_on_mariadb


def at_once(meeting: Meeting | None, *actions: Callable[[], object]) -> list[str]:
    """Do *actions* in threads; return what became of each: done, or the start of the refusal."""

    def run(action: Callable[[], object]) -> str:
        if meeting is not None:
            meeting.join()
        try:
            action()
        except Refused as refusal:
            return str(refusal)[:3]
        return "done"

    with ThreadPoolExecutor(len(actions)) as pool:
        return sorted(each.result(LIMIT_S) for each in [pool.submit(run, d) for d in actions])


def client_id(value: str) -> dict[str, Any]:
    option = {"opt_name": "client-id", "opt_value": value, "ip_version": 4}
    return {"extra_dhcp_opts": [option]}


def with_it(cloud: Cloud, network: str) -> list[dict[str, Any]]:
    """Return the ports of a network by whose options, or MAC, a guest asks by ITS_ID."""
    listed = cloud.plugin.get_ports(cloud.fresh(), {"network_id": [network]})
    return [
        port
        for port in listed
        if port["mac_address"] == MAC
        or any(option["opt_value"] == ITS_ID for option in port["extra_dhcp_opts"])
    ]


def judges_ids(statement: str) -> bool:
    return statement.startswith("select") and "lower(extradhcpopts.opt_value)" in statement


def takes_a_place(statement: str) -> bool:
    return "for update" in statement and "from agents" in statement


@pytest.mark.parametrize("other", [client_id(ITS_ID), {"mac_address": MAC}], ids=["id", "MAC"])
def test_two_made_at_once_with_one_client_id_are_not_both_kept(
    cloud: Cloud, database: OneDatabase, other: dict[str, Any]
) -> None:
    network = cloud.network()

    became = at_once(
        Meeting(database, 2, judges_ids),
        lambda: cloud.port(network, **client_id(ITS_ID)),
        lambda: cloud.port(network, **other),
    )

    assert "409" in became
    assert len(with_it(cloud, network)) == became.count("done")


def test_two_changed_at_once_to_one_client_id_are_not_both_changed(
    cloud: Cloud, database: OneDatabase
) -> None:
    network = cloud.network()
    ports = [cloud.port(network)["id"] for _ in range(2)]

    became = at_once(
        Meeting(database, 2, lambda text: text.startswith("insert into extradhcpopts")),
        *(lambda port=port: cloud.update(port, **client_id(ITS_ID)) for port in ports),
    )

    assert became == ["409", "done"]
    assert len(with_it(cloud, network)) == 1


def test_one_made_while_another_is_changed_to_its_client_id(
    cloud: Cloud, database: OneDatabase
) -> None:
    network = cloud.network()
    port = cloud.port(network)["id"]

    became = at_once(
        Meeting(database, 2, judges_ids),
        lambda: cloud.update(port, **client_id(ITS_ID)),
        lambda: cloud.port(network, mac_address=MAC),
    )

    assert "409" in became
    assert len(with_it(cloud, network)) == became.count("done")


def test_ports_made_at_once_that_are_nothing_to_each_other_are_all_kept(cloud: Cloud) -> None:
    network = cloud.network()

    became = at_once(None, *(lambda: cloud.port(network) for _ in range(8)))

    assert became == ["done"] * 8


@pytest.mark.parametrize("owner", ["compute:nova", "network:dhcp"])
def test_the_last_place_of_a_table_is_taken_by_one(
    cloud: Cloud, database: OneDatabase, owner: str
) -> None:
    cloud.agent(kind="mlx4", port_guid=GUID, entries=2)
    kind = "direct" if owner == "compute:nova" else "normal"
    what = {"device_owner": owner, "binding:vnic_type": kind}
    ports = [cloud.port(cloud.network(key), **what)["id"] for key in (1, 2)]

    became = at_once(
        Meeting(database, 2, takes_a_place),
        *(lambda port=port: cloud.update(port, host=NODE) for port in ports),
    )

    assert became == ["409", "done"]
    bound = [cloud.show(port)["binding:vif_type"] for port in ports]
    assert sorted(bound) in (["ib_hostdev", "unbound"], ["other", "unbound"])


def test_a_refused_last_place_can_be_taken_once_it_is_free(
    cloud: Cloud, database: OneDatabase
) -> None:
    cloud.agent(kind="mlx4", port_guid=GUID, entries=2)
    ports = [cloud.port(cloud.network(key))["id"] for key in (1, 2)]
    meeting = Meeting(database, 2, takes_a_place)
    at_once(meeting, *(lambda port=port: cloud.update(port, host=NODE) for port in ports))
    unbound = [port for port in ports if cloud.show(port)["binding:vif_type"] == "unbound"]
    (bound,) = set(ports) - set(unbound)
    cloud.delete(bound)

    again = cloud.update(unbound[0], host=NODE, name="again")

    assert again["binding:vif_type"] == "ib_hostdev"


def test_a_heartbeat_waits_for_nobody_for_long(cloud: Cloud, database: OneDatabase) -> None:
    """The row that is locked is the agent's; its lock ends with the binding's transaction."""
    cloud.agent(kind="mlx4", port_guid=GUID, entries=9)
    cloud.port(cloud.network(1), NODE)

    cloud.agent(kind="mlx4", port_guid=GUID, entries=9)

    eventually(lambda: not database.waits_for_a_lock(), within_s=LIMIT_S)


def test_a_project_does_not_get_more_networks_by_asking_at_once(
    cloud: Cloud, database: OneDatabase
) -> None:
    cfg.CONF.set_override("quota_infiniband_network", 1, group="QUOTAS")

    def counts(text: str) -> bool:
        return "count(distinct" in text and "from networks" in text

    became = at_once(
        Meeting(database, 2, counts), *(lambda key=key: cloud.network(key) for key in (1, 2))
    )

    assert "409" in became
    assert len(cloud.call("GET", "networks")["networks"]) == became.count("done")
