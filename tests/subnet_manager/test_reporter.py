# SPDX-License-Identifier: Apache-2.0
"""What makes a pass go out with a heartbeat of its own, and not wait for the next one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from ibstack.fabric.guid import Guid
from ibstack.runtime.loop import Outcome
from ibstack.subnet_manager.fabricd.daemon import Reporter
from ibstack.subnet_manager.fabricd.metrics import FabricMetrics
from ibstack.subnet_manager.reconcile.fabric_reconciler import Status
from ibstack.subnet_manager.reconcile.numbers import Numbers


@dataclass
class Passes:
    """A reconciler whose last pass was as is set here."""

    status: Status = field(default_factory=lambda: Status("master", "one"))
    reserved_guids: tuple[Guid, ...] = ()
    numbers: Numbers = field(default_factory=Numbers)


@dataclass
class Heart:
    beats: int = 0

    def nudge(self) -> None:
        self.beats += 1


@pytest.mark.parametrize(
    ("changed", "beats"),
    [
        ({"status": Status("master", "two")}, 0),
        ({"status": Status("standby", "one")}, 1),
        ({"status": Status("master", "one", ("a problem",))}, 1),
        ({"reserved_guids": (Guid(0x11750000000021),)}, 1),
    ],
    ids=["the digest alone", "the role", "a problem", "a GUID that no VF may have"],
)
def test_what_neutron_is_to_know_at_once(changed: dict[str, object], beats: int) -> None:
    passes, heart = Passes(), Heart()
    reporter = Reporter(passes, heart, FabricMetrics("1", "ibhostnet"))  # type: ignore[arg-type]
    reporter.report(Outcome())
    before = heart.beats

    vars(passes).update(vars(replace(passes, **changed)))  # type: ignore[arg-type]
    for _ in range(2):
        reporter.report(Outcome())

    assert heart.beats - before == beats
