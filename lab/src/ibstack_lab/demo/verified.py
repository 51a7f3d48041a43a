# SPDX-License-Identifier: Apache-2.0
"""The demo's `ibstack verify --all`: independent checks of the hosts, the fabric and the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import State
from ibstack.verify.registry import Scope, rules, verify
from ibstack.verify.report import entries, summary
from ibstack_lab.site import read_lab

if TYPE_CHECKING:
    from ibstack_lab.demo.stage import Stage

TRUE_OF_THE_LAB: Final = frozenset({"m-key", "sm-key"})
"""What fails in every lab, and rightly: its OpenSMs have no keys, for ibsim would not ask them."""

UNKNOWN_IN_THE_LAB: Final = frozenset({"enforcement-on"})
"""What no look at the lab's fabric tells: ibsim's switches say that they cannot check keys."""


def verify_all(stage: Stage) -> None:
    """Show what fails; state that nothing else does, and that no more of the fabric is unknown."""
    stage.title("ibstack verify --all: asked of hosts, fabric and cloud, not of our daemons")
    checks = verify(read_lab(stage.cloud), Scope)
    for answer in entries(checks):
        if answer.check.state is State.FAILED:
            stage.show(answer.line())
    stage.show(
        f"{summary(checks)}: the lab's hosts have no hardware to ask, and its switch cannot enforce"
    )
    failed = {check.id for check in checks if check.state is State.FAILED}
    stage.findings.state(
        f"of the checks of `ibstack verify` {', '.join(sorted(TRUE_OF_THE_LAB))} alone fail: the"
        " lab's subnet managers have no keys of their own",
        failed == TRUE_OF_THE_LAB,
    )
    unread = {each.id for each in checks if each.state is State.NOT_KNOWN}
    fabric = {rule.id for rule in rules(Scope.FABRIC)}
    stage.findings.state(
        f"of the checks of the fabric {', '.join(sorted(UNKNOWN_IN_THE_LAB))} alone could not look:"
        " the lab's switch says that it cannot enforce",
        unread & fabric == UNKNOWN_IN_THE_LAB,
    )
