# SPDX-License-Identifier: Apache-2.0
"""Two that complete one port at once, on a real MariaDB: the port becomes ACTIVE all the same.

Threads are held between what they have done and their look at what is left, where a busy machine
may hold them too: by an event of SQLAlchemy before each statement.
"""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from one_host import eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron.db import provisioning_blocks
    from neutron_lib.callbacks import resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from one_database import OneDatabase

LIMIT_S = 60.0
NODE, VF = "node003", "0000:05:00.1"


class Held:
    """Holds a thread before its first statement for which *is_it* holds, until *go* returns."""

    def __init__(
        self, database: OneDatabase, is_it: Callable[[str], bool], go: Callable[[], object]
    ) -> None:
        self._is_it = is_it
        self._go = go
        self._of_thread = threading.local()
        sa.event.listen(database.engine, "before_cursor_execute", self._before)

    def start(self) -> None:
        """Hold the calling thread from now on."""
        self._of_thread.is_meant = True

    def _before(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if getattr(self._of_thread, "is_meant", False) and self._is_it(statement.lower()):
            self._of_thread.is_meant = False
            self._go()


def is_deletion(statement: str) -> bool:
    return statement.startswith("delete from provisioningblocks")


class LookAfterDeletion:
    """The first look at the rows of `provisioningblocks` that follows a deletion in a thread."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def __call__(self, statement: str) -> bool:
        if is_deletion(statement):
            self._of_thread.has_deleted = True
        return getattr(self._of_thread, "has_deleted", False) and (
            statement.startswith("select") and "from provisioningblocks" in statement
        )


@pytest.fixture
def threads() -> Any:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def bound(cloud: Any) -> str:
    cloud.agent()
    cloud.fabricd()
    return str(cloud.port(cloud.network(), NODE, pci=VF)["id"])


def neutrons_own(cloud: Any, port_id: str, entity: str) -> None:
    provisioning_blocks.provisioning_complete(cloud.fresh(), port_id, resources.PORT, entity)


def dhcp(cloud: Any, port_id: str) -> None:
    """Let the port wait for the DHCP agent too."""
    provisioning_blocks.add_provisioning_component(
        cloud.fresh(), port_id, resources.PORT, provisioning_blocks.DHCP_ENTITY
    )


def start(threads: ThreadPoolExecutor, held: Held, action: Callable[[], object]) -> Future[None]:
    def run() -> None:
        held.start()
        action()

    return threads.submit(run)


def at_once(threads: ThreadPoolExecutor, held: Held, *actions: Callable[[], object]) -> None:
    for done in [start(threads, held, action) for action in actions]:
        done.result(LIMIT_S)


def meeting(database: OneDatabase) -> Held:
    """Hold two threads until both have deleted their row and are about to look for others."""
    barrier = threading.Barrier(2, timeout=LIMIT_S)
    return Held(database, LookAfterDeletion(), barrier.wait)


def test_neutrons_own_way_leaves_the_port_down(
    cloud_on_mariadb: Any, database: OneDatabase, threads: ThreadPoolExecutor
) -> None:
    """Where this fails, Neutron has been mended, and ibstack.neutron.server.provisioning may go."""
    cloud = cloud_on_mariadb
    port_id = bound(cloud)

    at_once(
        threads,
        meeting(database),
        lambda: neutrons_own(cloud, port_id, "IB_HOST"),
        lambda: neutrons_own(cloud, port_id, "IB_FABRIC"),
    )

    assert cloud.blocks(port_id) == set()
    assert cloud.status(port_id) == "DOWN"


def test_host_and_fabric_at_once_make_it_active(
    cloud_on_mariadb: Any, database: OneDatabase, threads: ThreadPoolExecutor
) -> None:
    cloud = cloud_on_mariadb
    port_id = bound(cloud)

    at_once(
        threads,
        meeting(database),
        lambda: cloud.ready(port_id),
        lambda: cloud.in_force(port_id),
    )

    assert cloud.blocks(port_id) == set()
    assert cloud.status(port_id) == "ACTIVE"


@pytest.mark.parametrize("last", ["ready", "in_force"])
def test_what_neutron_is_about_to_commit_is_waited_for(
    cloud_on_mariadb: Any, database: OneDatabase, threads: ThreadPoolExecutor, last: str
) -> None:
    cloud = cloud_on_mariadb
    port_id = bound(cloud)
    dhcp(cloud, port_id)
    getattr(cloud, {"ready": "in_force", "in_force": "ready"}[last])(port_id)
    has_deleted, may_look = threading.Event(), threading.Event()

    def wait_with_the_row_deleted() -> None:
        has_deleted.set()
        may_look.wait(LIMIT_S)

    held = Held(database, LookAfterDeletion(), wait_with_the_row_deleted)
    agent = start(threads, held, lambda: neutrons_own(cloud, port_id, "DHCP"))
    assert has_deleted.wait(LIMIT_S)
    ours = threads.submit(getattr(cloud, last), port_id)
    eventually(lambda: ours.done() or database.waits_for_a_lock(), within_s=LIMIT_S)
    may_look.set()
    agent.result(LIMIT_S)
    ours.result(LIMIT_S)

    assert cloud.status(port_id) == "ACTIVE"


def test_what_neutron_misses_all_the_same_is_mended_by_the_next_report(
    cloud_on_mariadb: Any, database: OneDatabase, threads: ThreadPoolExecutor
) -> None:
    cloud = cloud_on_mariadb
    port_id = bound(cloud)
    dhcp(cloud, port_id)
    cloud.in_force(port_id)
    has_begun, may_delete = threading.Event(), threading.Event()

    def wait_with_an_old_view() -> None:
        has_begun.set()
        may_delete.wait(LIMIT_S)

    held = Held(database, is_deletion, wait_with_an_old_view)
    agent = start(threads, held, lambda: neutrons_own(cloud, port_id, "DHCP"))
    assert has_begun.wait(LIMIT_S)
    assert cloud.still_down(port_id) == {port_id: ["DHCP"]}
    may_delete.set()
    agent.result(LIMIT_S)
    assert (cloud.status(port_id), cloud.blocks(port_id)) == ("DOWN", set())

    assert cloud.still_down(port_id) == {}
    assert cloud.status(port_id) == "ACTIVE"


def test_a_port_that_is_deleted_while_it_is_reported_gone_fails_no_report(
    cloud_on_mariadb: Any, database: OneDatabase, threads: ThreadPoolExecutor
) -> None:
    cloud = cloud_on_mariadb
    port_id = bound(cloud)
    cloud.ready(port_id)
    cloud.in_force(port_id)

    held = Held(
        database,
        lambda statement: statement.startswith("insert into provisioningblocks"),
        lambda: cloud.delete(port_id),
    )

    assert start(threads, held, lambda: cloud.gone(port_id)).result(LIMIT_S) is None
    assert cloud.gone(port_id) == [port_id]
