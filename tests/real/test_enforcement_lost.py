# SPDX-License-Identifier: Apache-2.0
"""A switch that no longer checks keys at a port: by a real OpenSM's own doing, and by another's."""

from __future__ import annotations

import logging
import urllib.request
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey
from ibstack.mad import FabricReader
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import stop_enforcing
from ibstack_lab.folder import free_ports
from ibstack_lab.topology import ARTICLE
from one_fabricd import Fabricd
from one_reconciler import MANAGERS, Keeper, Tenants, UnsizedView, said_of_drift

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

PF = next(host.port_guid for host in ARTICLE.hosts if host.name == "node002")
CAPACITY = 32
TOO_MANY = CAPACITY - 1
"""With the key of the default partition they fill the switch's table, and OpenSM gives up there."""
LOST = f"enforcement lost: {PF} node002"


@pytest.fixture
def enforcement_cap() -> int:
    return CAPACITY


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Keeper:
    caplog.set_level(logging.INFO)
    settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS, audit_interval_s=0.2, removal_grace_s=0.1)
    return Keeper(fabric, "head", Tenants(), tmp_path / "state", settings)


def fill(keeper: Keeper, partitions: int) -> None:
    """Make PF a member of so many partitions, and of no other."""
    for number in range(1, TOO_MANY + 1):
        keeper.tenants.members.pop(f"p{number}", None)
    for number in range(1, partitions + 1):
        keeper.tenants.boot(f"p{number}", PF, PartitionKey(number), shared=True)


def enforced(keeper: Keeper) -> set[Guid | None]:
    """Return the ports at whose other end the switch checks keys, both ways."""
    with keeper.reader() as reader:
        return {port.peer for port in reader.discover().switch_ports if port.enforces}


def test_more_keys_than_a_switch_can_check_are_an_alarm_until_they_are_fewer(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = replace(keeper, view_of=UnsizedView)
    everybody = {host.port_guid for host in ARTICLE.hosts}
    fill(keeper, TOO_MANY - 1)
    keeper.reconciler.once()
    keeper.until(lambda: keeper.reconciler.numbers.audits == 3)
    assert enforced(keeper) == everybody
    assert said_of_drift(caplog) == []

    fill(keeper, TOO_MANY)
    keeper.until(lambda: bool(keeper.reconciler.status.drift))
    assert enforced(keeper) == everybody - {PF}
    assert said_of_drift(caplog) == [("ERROR", f"drift: {LOST}")]
    # OpenSM 3.3.23 has a line for this, ERR 0507, and does not come to it.
    assert "Enforcement" not in keeper.fabric.opensm_log("head").read_text()

    fill(keeper, TOO_MANY - 1)
    keeper.until(lambda: not keeper.reconciler.status.problems)
    assert enforced(keeper) == everybody
    assert said_of_drift(caplog)[1:] == [("INFO", f"drift is over: {LOST}")]


def test_the_key_that_would_end_a_switchs_check_is_held(keeper: Keeper) -> None:
    everybody = {host.port_guid for host in ARTICLE.hosts}
    fill(keeper, TOO_MANY)

    assert keeper.reconciler.once().failures == ()

    keeper.until(lambda: keeper.reconciler.numbers.audits == 3)
    assert enforced(keeper) == everybody
    assert keeper.tenants.members.keys() - keeper.tenants.in_force == {f"p{TOO_MANY}"}
    assert keeper.reconciler.status.problems == (
        f"port p{TOO_MANY} is not served: the table of node002 is full: 31 of {CAPACITY};"
        " fewer networks there",
    )


def test_a_check_that_somebody_switched_off_is_switched_on_again(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    fill(keeper, 1)
    keeper.reconciler.once()
    with closing(Attachment(keeper.fabric, "node003")) as attachment:
        stop_enforcing(attachment, FabricReader(attachment), PF)
    assert PF not in enforced(keeper)

    keeper.until(lambda: bool(said_of_drift(caplog)))
    keeper.until(lambda: not keeper.reconciler.status.problems)

    assert PF in enforced(keeper)
    assert said_of_drift(caplog) == [
        ("ERROR", f"drift: {LOST}"),
        ("INFO", f"drift is over: {LOST}"),
    ]
    assert keeper.reconciler.numbers.repairs >= 1


def test_a_fabric_on_which_no_switch_checks_is_one_alarm(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    fill(keeper, 1)
    keeper.reconciler.once()
    with closing(Attachment(keeper.fabric, "node003")) as attachment:
        reader = FabricReader(attachment)
        for host in ARTICLE.hosts:
            stop_enforcing(attachment, reader, host.port_guid)
    assert enforced(keeper) == set()

    keeper.until(lambda: bool(keeper.reconciler.status.drift))

    ((level, said),) = said_of_drift(caplog)
    assert level == "ERROR"
    assert said.startswith("drift: enforcement lost: no switch checks partition keys")


def lost(port: int) -> float:
    """Return how many ports have lost the check, by the metrics of the fabricd at *port*."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    name = 'ibstack_fabricd_drift{class="enforcement lost"} '
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_whole_fabricd_its_metrics_and_the_audit_name_the_port(
    fabric: Fabric, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    site = tmp_path / "site.conf"
    site.write_text("# none\n")
    owned = "owned_keys = 0x0001-0x7000\n"
    settings = f"audit_interval = 1\n{owned}site_partitions = {site}\n"
    daemon = Fabricd(fabric, tmp_path / "fabricd", metrics_port=port, settings=settings)
    members = [(f"p{n}", PF, str(PartitionKey(n))) for n in range(1, TOO_MANY)]
    daemon.want(*members)
    try:
        daemon.process.start()
        log = daemon.process.log
        daemon.until(lambda: len(daemon.in_force()) == TOO_MANY - 1)
        # What the site adds is the site's to answer for.
        site.write_text(f"storage=0x7010: {PF}=full;\n")
        daemon.until(lambda: LOST in log.read_text())
        daemon.until(lambda: lost(port) == 1)
        status, rows, _ = daemon.ibstack("audit", at="head")
        assert status == 3
        assert [(row["class"], row["guid"], row["alarm"]) for row in rows] == [
            ("enforcement lost", str(PF), True)
        ]

        daemon.want(*members[:-1])
        daemon.until(lambda: f"drift is over: {LOST}" in log.read_text())
        assert log.read_text().count(f"drift: {LOST}") == 1
        daemon.until(lambda: lost(port) == 0)
        assert daemon.ibstack("audit", at="head")[:2] == (0, [])
    finally:
        daemon.process.stop()
