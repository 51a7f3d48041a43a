# SPDX-License-Identifier: Apache-2.0
"""`ibstack host show` beside a real ibstack-eswitchd."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from one_adapter import MACS, RED, Variant
from one_daemon import SCRIPTS, Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[Variant.MLX4, Variant.MLX5_FILES], ids=lambda variant: variant.value)
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    with Daemon(request.param) as running:
        yield running


def show(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "ibstack", "host", "show", "--socket", daemon.socket, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_shows_each_function_and_who_has_it(daemon: Daemon) -> None:
    daemon.client.attach("ibhostnet", MACS[0], daemon.pci(1))
    daemon.client.configure(daemon.pci(1), MACS[0], RED, link_up=True)
    daemon.client.attach("ibhostnet", MACS[1], daemon.pci(2))

    shown = show(daemon, "-f", "json")

    rows = json.loads(shown.stdout)
    is_mlx4 = daemon.variant is Variant.MLX4
    assert shown.returncode == 0
    assert [row["state"] for row in rows] == ["free", "programmed", "pending", "free"]
    assert rows[1] == {
        "physical_network": "ibhostnet",
        "interface": "ib0",
        "device": daemon.hardware.device,
        "kind": daemon.hardware.kind.value,
        "port_guid": str(daemon.host.port_guid),
        "vf": 1,
        "pci": str(daemon.pci(1)),
        "mac": MACS[0],
        "guid": "0xfa163e0000000001",
        "entry": "0x8001",
        "index": 4 if is_mlx4 else None,
        "link": "auto",
        "state": "programmed",
    }
    assert f"VF {daemon.pci(2)} of {MACS[1]} is pending: no partition" in shown.stderr


def test_what_was_never_detached_is_left_and_said_once(daemon: Daemon) -> None:
    daemon.client.attach("ibhostnet", MACS[0], daemon.pci(1))
    daemon.client.configure(daemon.pci(1), MACS[0], RED, link_up=True)
    daemon.client.disown(daemon.pci(1), MACS[0], left=True)

    shown = show(daemon, "-f", "json")

    assert [row["state"] for row in json.loads(shown.stdout)] == ["free", "left", "free", "free"]
    (line,) = shown.stderr.splitlines()
    assert line.startswith(f"ibstack: VF {daemon.pci(1)} is still attached to {MACS[0]}: ")
    assert "its VF is on no partition, and is freed within 35 s" in line


def test_an_instance_that_may_act_as_a_subnet_manager_is_said(daemon: Daemon) -> None:
    if daemon.variant is not Variant.MLX4:
        return  # mlx5 has no such files.
    daemon.client.attach("ibhostnet", MACS[0], daemon.pci(1))
    slave = daemon.hardware.slave_folder(1)
    (slave / "ports/1/enable_smi_admin").write_text("1\n")

    shown = show(daemon)

    assert f"VF {daemon.pci(1)} of {MACS[0]} may send subnet management datagrams" in shown.stderr


def test_a_daemon_that_is_away_is_not_known_and_has_a_remedy(daemon: Daemon) -> None:
    daemon.kill()
    shown = show(daemon)

    assert (shown.returncode, shown.stdout) == (4, "")
    assert "cannot ask ibstack-eswitchd" in shown.stderr
    assert "check that the service ibstack-eswitchd runs" in shown.stderr
