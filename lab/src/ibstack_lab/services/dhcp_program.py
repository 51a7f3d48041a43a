# SPDX-License-Identifier: Apache-2.0
"""Neutron's DHCP agent with its privileged helpers made by fork, which root may do.

On a real host oslo.privsep starts each of them by sudo, as a new Python that imports Neutron: on
the lab's machine that takes 5 s for each, one after another, when the first network wants DHCP.
"""

from __future__ import annotations

import os
import signal
from typing import Any, Final

from neutron.agent.dhcp import agent
from neutron.cmd.agents import dhcp
from oslo_privsep.priv_context import Method

from neutron import privileged

# oslo.service's process model (cotyledon) handles these, and is told of each by a pipe that a
# forked helper would share.
_HANDLED: Final = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
    *(signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2),
)


class ForkingAgent(agent.DhcpAgentWithStateReport):
    """Starts its helpers in the process that will speak to them."""

    def init_host(self) -> Any:
        os.register_at_fork(after_in_child=_forget_signals)
        for context in (
            privileged.default,
            privileged.dhcp_release_cmd,
            privileged.namespace_cmd,
            privileged.link_cmd,
        ):
            context.start(Method.FORK)
        return super().init_host()


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _HANDLED:
        signal.signal(number, signal.SIG_DFL)


def main() -> None:
    # Neutron looks its agent's class up by this name.
    agent.DhcpAgentWithStateReport = ForkingAgent
    dhcp.main()


if __name__ == "__main__":
    main()
