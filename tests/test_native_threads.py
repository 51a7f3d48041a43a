# SPDX-License-Identifier: Apache-2.0
"""Processes of ours run on native threads, and those that somebody else began as he began them.

Each case is a process of its own: what is imported stays imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from ibstack.cli.app import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

DAEMONS = ("ibstack.host.agent.daemon", "ibstack.subnet_manager.fabricd.daemon")
NEUTRON_SERVER = "ibstack.neutron.server.mechanism_driver"
TELL = """
import oslo_service.backend
print(oslo_service.backend.get_backend_type(), "eventlet" in sys.modules)
"""


def said_by(script: str, **env: str) -> tuple[str, str]:
    """Run *script* in a fresh Python that shows all warnings; return its stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", f"import sys\n{script}"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def imported(*modules: str) -> str:
    return "".join(f"import {module}\n" for module in modules)


def test_oslo_messaging_alone_would_choose_eventlet() -> None:
    """What all of this is for: with another answer it can go."""
    assert find_spec("eventlet") is not None  # It comes with oslo.service 4.8, and with nova.

    told, complaints = said_by(imported("oslo_messaging") + TELL)

    assert told == "BackendType.EVENTLET True"
    assert "EventletDeprecationWarning" in complaints


@pytest.mark.parametrize("module", DAEMONS)
def test_a_daemon_runs_on_native_threads(module: str) -> None:
    told, complaints = said_by(imported(module) + TELL)

    assert told == "BackendType.THREADING False"
    assert "Eventlet" not in complaints


def test_a_daemon_has_all_drivers_of_brokers_before_it_connects() -> None:
    script = "from oslo_config import cfg\n"
    script += "from ibstack.neutron.client.rpc_client import open_transport\n"
    for url in ("rabbit://u:p@127.0.0.1:1/", "fake:///"):
        script += f"open_transport(cfg.CONF, {url!r})\n"

    told, complaints = said_by(imported(DAEMONS[0]) + script + TELL)

    assert told == "BackendType.THREADING False"
    assert "Eventlet" not in complaints


def test_no_command_imports_eventlet() -> None:
    """What they import when they run, at most: the parts that speak with a cloud or a broker."""
    modules = {target.partition(":")[0] for target in COMMANDS.values()}
    lazily = ("ibstack.facts.cloud.openstack_api",)
    asking = "import ibstack.views.diagnosis as facts\ntry: facts.fabric_source('h', ['/none'])\n"
    asking += "except Exception as error: print(type(error).__name__)\n"

    for script in (imported(*sorted(modules), *lazily), asking):
        told, complaints = said_by(script + "print('eventlet' in sys.modules)")

        assert told.splitlines()[-1] == "False"
        assert "Eventlet" not in complaints


def test_the_labs_keystone_runs_on_native_threads() -> None:
    """Neutron's own services import eventlet whatever is chosen: oslo_service.wsgi does."""
    module = "keystone.notifications"  # It imports oslo.messaging.
    chosen = "from ibstack_lab.services import wsgi\nwsgi.choose_threads()\n"
    told, complaints = said_by(chosen + imported(module) + TELL)

    assert told == "BackendType.THREADING False"
    assert "Eventlet" not in complaints


def test_a_process_that_neutron_began_is_left_as_it_is() -> None:
    """Ours is imported by Neutron's server last, whatever Neutron has chosen."""
    neutron, _ = said_by(imported("neutron") + TELL)

    assert said_by(imported("neutron", NEUTRON_SERVER) + TELL)[0] == neutron
    assert said_by(imported(NEUTRON_SERVER) + TELL)[0] == neutron


@pytest.mark.parametrize(
    ("first", "chosen"),
    [
        ("oslo_messaging", "BackendType.EVENTLET True"),
        ("eventlet", "BackendType.THREADING True"),
    ],
)
def test_what_was_imported_and_chosen_first_stays(first: str, chosen: str) -> None:
    assert said_by(imported(first, *DAEMONS) + TELL)[0] == chosen


def test_eventlet_can_be_imported_afterwards() -> None:
    told, _ = said_by(imported(*DAEMONS, "eventlet") + TELL)

    assert told == "BackendType.THREADING True"


@pytest.mark.parametrize("missing", ["cotyledon", "futurist"])
def test_without_the_parts_of_the_threading_back_end_nothing_is_chosen(missing: str) -> None:
    """Neutron 26 does not bring cotyledon."""
    absent = f"sys.modules[{missing!r}] = None\n"

    told, complaints = said_by(f"{absent}import ibstack.neutron.client.native_threads\n{TELL}")

    assert told == "None False"
    assert complaints == ""


def test_an_oslo_service_without_a_choice_breaks_nothing(tmp_path: Path) -> None:
    """Before 4.1 it had no back ends."""
    package = tmp_path / "oslo_service"
    package.mkdir()
    (package / "__init__.py").write_text("")

    told, complaints = said_by(
        "import ibstack.neutron.client.native_threads, oslo_service\nprint(oslo_service.__file__)",
        PYTHONPATH=str(tmp_path),
    )

    assert told == str(package / "__init__.py")
    assert complaints == ""
