# SPDX-License-Identifier: Apache-2.0
"""Orders on the command line: what a newcomer types wrongly is said in one line, with a remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def run(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(BIN / name), *arguments]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with settings of ibstack-fabricd, and with some that are wrong."""
    (tmp_path / "good.conf").write_text(
        f"[fabric]\nphysical_network = ibhostnet\nstate_path = {tmp_path}/state\n"
        f"partitions_conf = {tmp_path}/partitions.conf\n"
    )
    (tmp_path / "keys.conf").write_text("[fabric]\nphysical_network = a\nowned_keys = zzz\n")
    (tmp_path / "guids.conf").write_text(
        "[fabric]\nphysical_network = a\nfull_default_members = head\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("restore --config-file .", 2, "Is a directory"),
        ("restore --config-file none.conf", 2, "; name the file with --config-file"),
        ("restore --config-file keys.conf", 2, "option owned_keys 'zzz': "),
        ("restore --config-file guids.conf", 2, "option full_default_members 'head': "),
        ("restore --dry-run --config-file good.conf", 1, "nothing has been published from here"),
        ("accept-host node001 .. --config-file good.conf", 2, "cannot accept host '..': "),
        ("repair --watch --config-file good.conf", 2, "unrecognized arguments: --watch"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_ordered(
    site: Path, arguments: str, status: int, said: str
) -> None:
    done = run("ibstack", "partition", *arguments.split(), cwd=site)

    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (site / "state").exists()


def test_the_former_options_order_the_same_and_name_the_commands(site: Path) -> None:
    done = run(
        "ibstack-fabricd",
        *["--config-file", "good.conf", "--restore", "--accept-host", "node001"],
        cwd=site,
    )

    assert (done.returncode, done.stdout.count("ordered: ")) == (0, 2)
    assert "`ibstack partition accept-host|restore`" in done.stderr
    assert (site / "state/orders/restore").exists()
    assert (site / "state/orders/accept-host/node001").exists()


def test_a_former_option_with_wrong_settings_is_an_order_that_cannot_be_given(site: Path) -> None:
    done = run("ibstack-fabricd", "--config-file", "keys.conf", "--restore", cwd=site)

    assert done.returncode == 2
    assert "ibstack-fabricd: cannot order restore: option owned_keys 'zzz': " in done.stderr
