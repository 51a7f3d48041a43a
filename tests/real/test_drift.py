# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition audit --repair` and `--watch` beside a real OpenSM and a real fabricd."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.folder import free_ports
from ibstack_lab.topology import ARTICLE
from one_fabricd import Fabricd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

HEAD, NODE1, NODE2, NODE3 = (host.port_guid for host in ARTICLE.hosts)
FOREIGN = 0x9F00


@pytest.fixture
def fabricd(fabric: Fabric, tmp_path: Path) -> Iterator[Fabricd]:
    """It has looked once, finds nothing more by itself in a test, and keeps p1 in 0x0101."""
    with ExitStack() as running:
        settings = "owned_keys = 0x0001-0x0fff\naudit_interval = 3600\nrpc_timeout = 1\n"
        (port,) = free_ports(1)
        daemon = Fabricd(fabric, tmp_path / "fabricd", metrics_port=port, settings=settings)
        running.callback(daemon.process.stop)
        daemon.want(("p1", NODE2, "0x0101"))
        daemon.process.start()
        daemon.until(lambda: daemon.in_force() == {"p1"})
        # It looks just after it has told; a busy machine lets a test write a table in between.
        daemon.until(lambda: daemon.numbers()["ibstack_fabricd_audits_total"] == 1)
        yield daemon


def write(fabric: Fabric, port: Guid, entries: Mapping[int, int], at: str = "node003") -> None:
    attachment = Attachment(fabric, at)
    try:
        write_entries(attachment, FabricReader(attachment), port, entries)
    finally:
        attachment.close()


def found(answer: list[dict[str, Any]]) -> set[tuple[str, str, str | None]]:
    return {(row["class"], row["guid"], row["repair"]) for row in answer}


def test_what_is_ours_is_repaired_on_order_and_the_rest_is_left(fabricd: Fabricd) -> None:
    write(fabricd.fabric, NODE2, {0: 0xFFFF, 1: 0, 5: 0x8102})
    write(fabricd.fabric, NODE3, {6: FOREIGN})
    status, _, said = fabricd.ibstack("audit", "--repair")
    assert status == 1
    assert "run this on its host" in said

    status, answer, said = fabricd.ibstack("audit", "--repair", at="head")

    assert status == 3
    assert found(answer) == {
        ("missing", str(NODE2), "repaired"),
        ("unexpected", str(NODE2), "repaired"),
        ("open default", str(NODE2), "repaired"),
        ("unknown", str(NODE3), "left"),
    }
    assert "3 repaired, 1 left" in said
    log = fabricd.process.log.read_text()
    assert log.count(f"repairing the table of {NODE2}") == 1
    assert f"repairing the table of {NODE3}" not in log


def test_a_repair_needs_a_fabricd_that_runs(fabricd: Fabricd) -> None:
    write(fabricd.fabric, NODE2, {1: 0})
    fabricd.process.stop()

    status, answer, said = fabricd.ibstack("audit", "--repair", at="head")

    assert (status, answer) == (4, None)
    assert "no ibstack-fabricd took the order within 1.1 s" in said
    assert not (fabricd.folder / "state" / "orders" / "repair").exists()


@contextmanager
def silent(fabric: Fabric, node: str) -> Iterator[None]:
    """Lose whatever *node* is asked; ibsim(8), `Error`: in so many of a hundred cases."""
    fabric._console(f'Error "{node}"[1] 100', f"silence {node}")
    try:
        yield
    finally:
        fabric._console(f'Error "{node}"[1] 0', f"let {node} speak")


def test_a_fabric_with_a_node_that_does_not_answer_is_not_called_sound(fabricd: Fabricd) -> None:
    assert fabricd.ibstack("audit")[0] == 0

    with silent(fabricd.fabric, "node002"):
        status, answer, said = fabricd.ibstack("audit")

    assert (status, answer) == (4, [])
    assert "cannot read the node at " in said
    assert "no difference" not in said


def test_a_table_that_cannot_be_read_is_not_called_repaired(fabricd: Fabricd) -> None:
    """It was repaired, for all that is known; nobody has seen it."""
    write(fabricd.fabric, NODE2, {1: 0})
    fabricd.process.signal(signal.SIGSTOP)  # The order is to lie there until the port is silent.
    with ExitStack() as then, ThreadPoolExecutor(1) as asking:
        answered = asking.submit(fabricd.ibstack, "audit", "--repair", at="head")
        fabricd.until((fabricd.folder / "state" / "orders" / "repair").exists)
        then.enter_context(silent(fabricd.fabric, "node002"))
        fabricd.process.signal(signal.SIGCONT)
        status, answer, said = answered.result(60)

    assert found(answer) == {("missing", str(NODE2), None)}
    assert (status, answer[0]["repair"]) == (4, None)
    assert "0 repaired, 0 left, 1 not known" in said


@contextmanager
def watching(
    fabricd: Fabricd, *words: str, at: str = "head", said: Path = Path(os.devnull)
) -> Iterator[subprocess.Popen[str]]:
    argv = fabricd.argv("ibstack", "partition", "audit", "--watch", "--interval", "0.5", *words)
    with said.open("wb") as log:
        process = subprocess.Popen(
            # Whoever runs the tests in the background has it ignored, and that is inherited.
            ["env", "--default-signal=INT", *argv],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **fabricd.fabric.client_env(at)},
            cwd=fabricd.fabric.client_cwd(at),
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_watch_prints_a_line_when_a_difference_appears_and_when_it_is_over(
    fabricd: Fabricd,
) -> None:
    with watching(fabricd, "-f", "json") as watch:
        assert watch.stdout is not None
        write(fabricd.fabric, NODE3, {6: FOREIGN})
        appears = json.loads(watch.stdout.readline())
        write(fabricd.fabric, NODE3, {6: 0})
        ends = json.loads(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        rest, _ = watch.communicate(timeout=20)

    assert (appears["event"], appears["class"]) == ("appears", "unknown")
    assert (appears["guid"], appears["entry"], appears["alarm"]) == (str(NODE3), "0x9f00", False)
    assert {**ends, "time": 0} == {**appears, "event": "ends", "time": 0}
    assert (rest, watch.returncode) == ("", 0)


def test_a_watch_that_ends_while_something_differs_says_so(fabricd: Fabricd) -> None:
    write(fabricd.fabric, NODE3, {6: FOREIGN})

    with watching(fabricd) as watch:
        assert watch.stdout is not None
        line = watch.stdout.readline()
        watch.send_signal(signal.SIGTERM)

        assert watch.wait(20) == 3
    assert line.split(" ", 1)[1].startswith(f"appears: unknown: {NODE3} 0x9f00")


class Driver:
    """What the kernel shows of a watch's port; umad2sim puts it into a folder of the process."""

    def __init__(self, fabric: Fabric, watch: subprocess.Popen[str]) -> None:
        (sysfs,) = fabric.folder.glob(f"*/clients/sys-{watch.pid}")
        self._shown = sysfs / "sys" / "class" / "infiniband"

    def unload(self) -> None:
        self._shown.rename(self._shown.with_name("away"))

    def load(self) -> None:
        self._shown.with_name("away").rename(self._shown)


def pull(fabric: Fabric, _: subprocess.Popen[str]) -> Callable[[], None]:
    fabric.unlink("node003")

    def plug() -> None:
        fabric.link("node003")

    return plug


def unload(fabric: Fabric, watch: subprocess.Popen[str]) -> Callable[[], None]:
    driver = Driver(fabric, watch)
    driver.unload()
    return driver.load


@pytest.mark.parametrize("take", [pull, unload])
def test_a_watch_outlives_the_port_that_it_watches_through(
    take: Callable[[Fabric, subprocess.Popen[str]], Callable[[], None]],
    fabricd: Fabricd,
    tmp_path: Path,
) -> None:
    fabric, said = fabricd.fabric, tmp_path / "said"
    with watching(fabricd, at="node003", said=said) as watch:
        assert watch.stdout is not None
        write(fabric, NODE2, {6: FOREIGN}, at="node001")
        appears = watch.stdout.readline()
        give_back = take(fabric, watch)
        fabricd.until(lambda: "still watching" in said.read_text())
        write(fabric, NODE2, {6: 0}, at="node001")
        give_back()
        ends = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)

    assert (appears.split()[1], ends.split()[1]) == ("appears:", "ends:")
    assert said.read_text().count("still watching") == 1, said.read_text()
    assert watch.returncode == 0
