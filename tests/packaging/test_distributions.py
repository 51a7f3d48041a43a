# SPDX-License-Identifier: Apache-2.0
"""Two distributions: what production hosts install, and the lab, which none of them gets."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

WITHOUT_THE_LAB = """
import sys
sys.path[:] = [place for place in sys.path if not place.endswith("/lab/src")]
from ibstack.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def packages(project: Path, into: Path) -> set[str]:
    """Return the packages in the wheel that is built of *project*."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(build, cwd=project, check=True, capture_output=True, timeout=60)
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name.partition("/")[0] for name in archive.namelist() if name.endswith(".py")}


def without_the_lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_THE_LAB, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_production_hosts_install_has_no_lab(tmp_path: Path) -> None:
    assert packages(ROOT, tmp_path) == {"ibstack"}


def test_the_lab_is_a_distribution_of_its_own(tmp_path: Path) -> None:
    assert packages(ROOT / "lab", tmp_path) == {"ibstack_lab"}


def test_help_lists_no_lab_where_none_is_installed() -> None:
    listed = without_the_lab("help")

    assert "partition audit" in listed.stdout
    assert "lab up" not in listed.stdout


def test_a_lab_that_is_not_installed_is_named_as_what_to_install() -> None:
    for command in (("lab", "status"), ("verify", "host", "--lab", ".lab")):
        done = without_the_lab(*command)

        assert (done.returncode, "install ibstack-lab" in done.stderr) == (1, True), done.stderr
