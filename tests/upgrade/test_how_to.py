# SPDX-License-Identifier: Apache-2.0
"""Who follows the upgrade how-to has an ibstack-eswitchd that lets the agent's user in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from ibstack.host.agent import options
from one_adapter import Variant
from one_daemon import Daemon, until
from one_fabricd import PROGRAM as WITH_NEUTRON
from upgrade.how_to import AS_USER, BARE, USER, follow

ARTICLE = Path(__file__).parents[1] / "recorded" / "article"
ESWITCHD, AGENT = ARTICLE / "image_eswitchd.conf", ARTICLE / "image_mlnx_conf.ini"
ASK = """
import sys
from ibstack.host.client.eswitch_client import EswitchClient
print(EswitchClient(sys.argv[1]).read().adapters[0].interface)
"""

pytestmark = pytest.mark.real


def configure(daemon: Daemon, text: str) -> None:
    """Add to a host's *text* what only a test needs: paths of its own."""
    paths = f"socket = {daemon.socket}\nstate_path = {daemon.folder}/state\n"
    daemon.config.write_text(f"{text}\n[eswitchd]\n{paths}sysfs = {daemon.hardware.root}\n")


def ask(daemon: Daemon) -> subprocess.CompletedProcess[str]:
    """Ask eswitchd for its adapters, as a user who is not root."""
    argv = (*AS_USER, sys.executable, "-c", ASK, str(daemon.socket))
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_the_articles_files_and_the_lines_of_the_how_to_let_the_agent_in() -> None:
    daemon = Daemon(Variant.MLX4)
    eswitchd, agent = follow(ESWITCHD, AGENT, daemon.folder / "etc")
    configure(daemon, eswitchd.read_text())
    with daemon:
        answered = ask(daemon)
        readable = subprocess.run((*BARE, "cat", agent), capture_output=True, check=False)

    assert (answered.returncode, answered.stdout) == (0, "ib0\n"), answered.stderr
    assert readable.stdout == AGENT.read_bytes(), readable.stderr


def test_an_agent_of_that_user_reports_the_adapters_of_its_host() -> None:
    daemon = Daemon(Variant.MLX4)
    eswitchd, agent = follow(ESWITCHD, AGENT, daemon.folder / "etc")
    configure(daemon, eswitchd.read_text())
    with agent.open("a") as file:
        file.write(
            "[DEFAULT]\nhost = node\ntransport_url = fake:///\n[metrics]\nport = 0\n"
            f"[eswitch]\nsocket = {daemon.socket}\n"
        )
    told = daemon.folder / "neutron"
    told.mkdir()
    os.chown(told, USER.pw_uid, USER.pw_gid)
    argv = (*AS_USER, sys.executable, WITH_NEUTRON, told, "agent", "--config-file", agent)
    with daemon, (told / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            until(lambda: '"interface": "ib0"' in _text(told / "told.jsonl"), within_s=60)
        finally:
            process.kill()
            process.wait()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_the_articles_file_alone_locks_the_agent_out() -> None:
    daemon = Daemon(Variant.MLX4)
    configure(daemon, ESWITCHD.read_text())
    with daemon:
        answered = ask(daemon)

    assert answered.returncode == 1
    assert "or of the group it serves" in answered.stderr


def test_the_agent_takes_the_former_file() -> None:
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(["--config-file", str(AGENT)], default_config_files=[])

    assert str(options.read_settings(conf).eswitch_socket) == "/run/ibstack/eswitchd.sock"
