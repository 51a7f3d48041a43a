# SPDX-License-Identifier: Apache-2.0
"""The systemd units, judged by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from oslo_config import cfg

from ibstack.host.agent import options as agent_options
from ibstack.host.client.eswitch_client import DEFAULT_SOCKET
from ibstack.host.eswitchd import config as eswitchd_config
from ibstack.subnet_manager.fabricd import options as fabricd_options

UNITS = sorted((Path(__file__).parents[2] / "packaging/systemd").glob("*.service"))

# systemd-analyze security: 0 is locked in, 10 is free; ssh.service of Debian 12 has 9.6.
MOST_EXPOSED = 2.5

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, of package systemd"
)


def settings(text: str) -> dict[str, list[str]]:
    """Return each setting's values in order; sections do not matter here, names are unique."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def program(unit: Path) -> Path:
    return Path(settings(unit.read_text())["ExecStart"][0].split()[0])


def installed_here(unit: Path, folder: Path) -> Path:
    """Copy *unit* with the programs where this environment has them."""
    scripts = Path(sys.executable).parent
    copy = folder / unit.name
    copy.write_text(
        unit.read_text().replace(f"{program(unit).parent}/ibstack", f"{scripts}/ibstack")
    )
    return copy


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    judged = analyze("verify", "--man=no", installed_here(unit, tmp_path))

    assert judged.returncode == 0, judged.stderr
    assert judged.stderr == ""


def test_systemd_rejects_a_unit_with_a_word_that_it_does_not_know(tmp_path: Path) -> None:
    unit = installed_here(UNITS[0], tmp_path)
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=strictly"))

    assert "strictly" in analyze("verify", "--man=no", unit).stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_sandbox_is_tight(unit: Path) -> None:
    judged = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED * 10:.0f}", unit)

    assert judged.returncode == 0, judged.stdout.splitlines()[-1]


def test_a_unit_without_a_sandbox_is_told_apart(tmp_path: Path) -> None:
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")

    judged = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED * 10:.0f}", unit)

    assert judged.returncode != 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_program_is_one_that_ibstack_installs(unit: Path) -> None:
    scripts = metadata.entry_points(group="console_scripts")

    assert unit.stem == program(unit).name
    assert unit.stem in {script.name for script in scripts if script.value.startswith("ibstack.")}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_daemon_comes_back_and_is_watched(unit: Path) -> None:
    found = settings(unit.read_text())

    assert found["Restart"] == ["always"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["Type"] == ["notify"]
    assert "MemoryMax" in found


def unit_of(daemon: str) -> dict[str, list[str]]:
    (unit,) = (unit for unit in UNITS if unit.stem == daemon)
    return settings(unit.read_text())


def test_eswitchd_may_write_where_it_writes_by_default(tmp_path: Path) -> None:
    config = tmp_path / "eswitchd.conf"
    config.write_text("[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n")
    defaults, found = eswitchd_config.load(config), unit_of("ibstack-eswitchd")

    assert [str(Path(defaults.socket).parent)] == [f"/run/{found['RuntimeDirectory'][0]}"]
    assert [defaults.state_path] == [f"/var/lib/{found['StateDirectory'][0]}"]


def test_the_agent_asks_where_eswitchd_listens() -> None:
    conf = cfg.ConfigOpts()
    agent_options.register(conf)
    conf([])

    assert str(agent_options.read_settings(conf).eswitch_socket) == DEFAULT_SOCKET


def test_fabricd_may_write_where_it_writes_by_default() -> None:
    conf = cfg.ConfigOpts()
    fabricd_options.register(conf)
    conf([])
    found = unit_of("ibstack-fabricd")

    assert conf.fabric.state_path == f"/var/lib/{found['StateDirectory'][0]}"
    folder = Path(conf.fabric.partitions_conf).parent
    assert f"-{folder}" in found["ReadWritePaths"][0].split()


def test_eswitchd_may_write_sysfs() -> None:
    """ProtectKernelTunables makes /sys read-only (systemd.exec(5)); so would a ReadOnlyPaths."""
    found = unit_of("ibstack-eswitchd")

    assert found["ProtectKernelTunables"] == ["no"]
    assert "ReadOnlyPaths" not in found


def test_the_agent_holds_no_privilege() -> None:
    found = unit_of("ibstack-agent")

    assert found["User"] == ["neutron"]
    assert found["CapabilityBoundingSet"] == [""]
