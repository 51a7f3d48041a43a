# SPDX-License-Identifier: Apache-2.0
"""Both ways to hosts keep to one contract: folders, and ssh to a real sshd."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ibstack.cluster.rollout.ssh import SshHosts
from ibstack.cluster.rollout.tree import TreeHosts
from transport.ssh_fleet import NOW, Fleet, close_fleet, open_fleet
from transport.transport_contract import AWAY, HERE, THERE, HostsContract


@dataclass
class TreeRig:
    hosts: TreeHosts

    def root(self, name: str) -> Path:
        return self.hosts.folder / name / "root"


@dataclass
class SshRig:
    hosts: SshHosts
    fleet: Fleet

    def root(self, name: str) -> Path:
        return self.fleet.root(name)


class TestFolders(HostsContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> TreeRig:
        if os.geteuid() != 0:
            pytest.skip("needs root: owners of files are looked at")
        for name in (HERE, THERE):
            (tmp_path / name / "root").mkdir(parents=True)
            record = {"state": "UP", "services": {"eswitchd": "UP"}}
            (tmp_path / name / "state.json").write_text(json.dumps(record))
        return TreeRig(TreeHosts(tmp_path, lambda: NOW))


class TestSsh(HostsContract):
    """Its systemctl is a stand-in: a systemd that starts here would take the machine's cgroups."""

    @pytest.fixture(scope="class")
    def fleet(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
        fleet = open_fleet(tmp_path_factory.mktemp("fleet"), (HERE, THERE, AWAY))
        yield fleet
        close_fleet(fleet)

    @pytest.fixture
    def rig(self, fleet: Fleet) -> SshRig:
        fleet.begin_anew()
        fleet.write_config({AWAY: "Port 1"})
        for name in (HERE, THERE):
            fleet.set_units(
                name,
                {
                    "opensm.service": {"active": "inactive"},
                    "eswitchd.service": {"active": "active"},
                },
            )
        return SshRig(fleet.hosts(), fleet)
