# SPDX-License-Identifier: Apache-2.0
"""The guests whose DHCP requests nobody answers, as they ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.neutron.agents.dhcp_watch import DhcpWatch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

STATE_PATH: Final = Path("/var/lib/neutron")
_ROOT: Final = 0


def watch_requests(
    state_path: Path,
    remark: Callable[[str], None],
    network: str,
    stopped: threading.Event,
    *,
    uid: int,
) -> None:
    """Remark each guest that nobody answers, until *stopped*.

    *state_path*: neutron-dhcp-agent's.  *network*: the id of the one to watch; empty: all.  *uid*:
    who does it.  BadInput where that is not root, or where no such agent is on this host.
    """
    if uid != _ROOT:
        raise BadInput("cannot watch DHCP requests: this needs root")
    if not state_path.is_dir():
        raise BadInput(
            f"cannot watch DHCP requests: there is no folder {state_path}; give"
            " --state-path as neutron-dhcp-agent has it, and run this on its host"
        )
    DhcpWatch(state_path, remark, network).run(stopped)
