# SPDX-License-Identifier: Apache-2.0
"""Heartbeats: what makes a daemon show as alive in `openstack network agent list`.

Speaks Neutron's standard state-report RPC (neutron/agent/rpc.py, PluginReportStateAPI, and
neutron/db/agents_db.py, AgentExtRpcCallback; the same on Neutron 26 to 29).
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import TryLater
from ibstack.neutron.client.rpc_client import Caller
from ibstack.neutron.protocol import instance as instances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.neutron.client.rpc_client import Transport

LOG = logging.getLogger(__name__)

# neutron_lib.agent.topics.REPORTS; neutron_lib.constants.RPC_NAMESPACE_STATE is None.
_REPORTS_TOPIC: Final = "q-reports-plugin"
_REPORTS_VERSION: Final = "1.4"
# neutron/db/models/agent.py: configurations is String(4095).
_CONFIGURATIONS_CHARACTERS: Final = 4095
_FIRST_RETRY_S: Final = 1.0
# A call that no server heard is never answered: do not wait for it long, but ask again.
_ANSWER_WITHIN_S: Final = 5.0


class Heartbeat:
    """Reports a daemon's state to Neutron: at once, every *interval_s*, and when nudged.

    The first report is a call, so that Neutron knows the agent before the first port is bound; the
    first one after a failure is a call too.  The others are casts.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        agent_type: str,
        binary: str,
        host: str,
        topic: str,
        configurations: Callable[[], Mapping[str, Any]],
        interval_s: float = 30,
        instance: str | None = None,
        on_return: Callable[[], None] | None = None,
    ) -> None:
        """*on_return* is called when Neutron answers again after a failed report.

        *instance*: that of this process, where it says it elsewhere too.
        """
        self._caller = Caller(
            transport,
            _REPORTS_TOPIC,
            timeout_s=min(interval_s, _ANSWER_WITHIN_S),
            version=_REPORTS_VERSION,
        )
        self._who = {"agent_type": agent_type, "binary": binary, "host": host, "topic": topic}
        self._configurations = configurations
        self._instance = instances.digest_of(instance or instances.new_instance())
        self._interval_s = interval_s
        self._on_return = on_return
        self._started = False
        self._failed: str | None = None
        self._certain = False
        self.heard = threading.Event()
        """Set once Neutron has answered a report."""
        self._nudged = threading.Event()
        self._stopping = threading.Event()

    def beat(self) -> None:
        """Report once; TryLater where Neutron or the broker is away."""
        state: dict[str, Any] = dict(self._who)
        state["configurations"] = fit({**self._configurations(), instances.KEY: self._instance})
        state["uuid"] = str(uuid.uuid4())
        if not self._started:
            state["start_flag"] = True
        send = self._caller.cast if self._certain else self._caller.call
        try:
            send(
                f"report the state of {self._who['agent_type']} on {self._who['host']}",
                "report_state",
                agent_state={"agent_state": state},
                time=_now(),
            )
        except TryLater:
            self._certain = False
            raise
        self._started = self._certain = True
        self.heard.set()

    def nudge(self) -> None:
        """Report now: the configurations have changed."""
        self._nudged.set()

    def stop(self) -> None:
        self._stopping.set()
        self._nudged.set()

    def run(self) -> None:
        """Report until stop(); meant for a thread of its own."""
        pause_s = _FIRST_RETRY_S
        while not self._stopping.is_set():
            self._nudged.clear()
            if self._stopping.is_set():
                return  # stop() came between the two lines above: its nudge is gone.
            if self._beat_or_say_why():
                pause_s = _FIRST_RETRY_S
                self._nudged.wait(self._interval_s)
            else:
                self._nudged.wait(pause_s)
                pause_s = min(2 * pause_s, self._interval_s)

    def _beat_or_say_why(self) -> bool:
        try:
            self.beat()
        except TryLater as error:
            if str(error) != self._failed:
                LOG.warning("%s", error)
            self._failed = str(error)
            return False
        if self._failed is not None:
            LOG.info("Neutron takes reports of %s again", self._who["agent_type"])
            self._failed = None
            if self._on_return is not None:
                self._on_return()
        return True


def fit(configurations: Mapping[str, Any]) -> dict[str, Any]:
    """Return *configurations* cut to what Neutron keeps.

    `problems`, then `small_tables`, `left` and `reserved_guids` lose some of their last ones: the
    later a list is cut, the more it is needed.
    """
    fitted = dict(configurations)
    # So many can never fit, each with its quotes and a comma: a thousand are cut at once.
    problems = list(fitted.get("problems", ()))
    while len(json.dumps(fitted)) > _CONFIGURATIONS_CHARACTERS and problems:
        del problems[_as_many_as_may_fit(problems) :]
        problems.pop()
        fitted["problems"] = [*problems, "and more: see the daemon's log"] if problems else []
    for name in ("small_tables", "left", "reserved_guids"):
        listed = list(fitted.get(name, ()))
        while len(json.dumps(fitted)) > _CONFIGURATIONS_CHARACTERS and listed:
            listed.pop()
            fitted[name] = listed
    return fitted


def _as_many_as_may_fit(problems: list[str]) -> int:
    ends = itertools.accumulate(len(problem) for problem in problems)
    return sum(end <= _CONFIGURATIONS_CHARACTERS for end in ends) + 1


def _now() -> str:
    # neutron_lib.constants.ISO8601_TIME_FORMAT, and UTC without saying so.
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
