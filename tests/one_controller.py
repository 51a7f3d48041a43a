# SPDX-License-Identifier: Apache-2.0
"""A controller of a test's own: Neutron's API and RPC server as processes, and no fabric.

MariaDB, RabbitMQ and Keystone are real, as in the lab; what hosts would say, the test says.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack_lab.folder import LabFolder
from ibstack_lab.process import end_all
from ibstack_lab.services.accounts import session
from ibstack_lab.services.controller import Services
from ibstack_lab.services.neutron_client import NeutronClient
from ibstack_lab.startup import Startup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack_lab.services.accounts import Account

_CACHE: Final = Path(__file__).parents[1] / ".cache" / "lab"
THERE: Final = all(
    Path(program).exists()
    for program in ("/usr/sbin/mariadbd", "/usr/lib/rabbitmq/bin/rabbitmq-server")
)


@dataclass(frozen=True)
class Controller:
    """A controller that runs."""

    lab: LabFolder
    services: Services

    def api(self, who: Account) -> NeutronClient:
        """Return Neutron as *who* sees it."""
        keystone = self.services.keystone
        signed_in = session(who, keystone.auth_url, self.services.password)
        return NeutronClient(signed_in, self.services.neutron.url)

    def log(self, name: str) -> str:
        """Return what `neutron-api` or `neutron-rpc` has logged."""
        return self.lab.known(name).log.read_text(errors="replace")


@contextmanager
def running_controller(
    configured: Callable[[LabFolder, str], str] = lambda _lab, text: text,
) -> Iterator[Controller]:
    """Yield one; *configured* is given its neutron.conf, once the broker runs, and returns it."""
    folder = Path(tempfile.mkdtemp(prefix="ib"))  # Not tmp_path: sockets want a short name.
    lab = LabFolder.at(folder)
    startup = Startup(lambda line: print(line, file=sys.stderr))
    try:
        services = Services.prepare(lab, _CACHE, startup)
        parts = services.components()
        startup.launch(parts["epmd"], parts["mariadb"])
        startup.wait("epmd")
        startup.launch(parts["rabbitmq"])
        startup.wait()
        services.keystone.point_catalogue({"network": services.neutron.url})
        configuration = lab.service("neutron") / "neutron.conf"
        configuration.write_text(configured(lab, configuration.read_text()))
        startup.launch(*(parts[name] for name in ("neutron-rpc", "keystone", "neutron-api")))
        startup.wait()
        yield Controller(lab, services)
    finally:
        end_all(lab.pid_files)
        shutil.rmtree(folder, ignore_errors=True)
