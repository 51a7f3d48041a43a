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


def test_eswitchd_may_write_sysfs() -> None:
    """ProtectKernelTunables makes /sys read-only (systemd.exec(5)); so would a ReadOnlyPaths."""
    (unit,) = (unit for unit in UNITS if unit.stem == "ibstack-eswitchd")
    found = settings(unit.read_text())

    assert found["ProtectKernelTunables"] == ["no"]
    assert "ReadOnlyPaths" not in found


def test_the_agent_holds_no_privilege() -> None:
    (unit,) = (unit for unit in UNITS if unit.stem == "ibstack-agent")
    found = settings(unit.read_text())

    assert found["User"] == ["neutron"]
    assert found["CapabilityBoundingSet"] == [""]
