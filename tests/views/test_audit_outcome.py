# SPDX-License-Identifier: Apache-2.0
"""What `ibstack partition audit --repair` says became of a difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ibstack.fabric.guid import Guid
from ibstack.subnet_manager.policy.drift import (
    STALE_STANDBY,
    Drift,
    DriftClass,
    Expected,
    ObservedPort,
    Survey,
    audit,
)
from ibstack.views.audit_outcome import Became, outcome
from ibstack.views.partition_audit import AuditAnswer, DriftRow

GUID = Guid(0x2)
MISSING = Drift(DriftClass.MISSING, GUID, None)
UNKNOWN = Drift(DriftClass.UNKNOWN, GUID, None)
GONE = Drift(DriftClass.PORT_DOWN, GUID, None, gone=True)
NOTHING = Expected({}, frozenset(), frozenset())
READ, UNREAD = {GUID: ObservedPort((None,))}, {GUID: ObservedPort(None)}
SILENT = ("cannot read the node at 0,1: no answer",)


@pytest.mark.parametrize(
    ("drift", "again", "ports", "problems", "said"),
    [
        (MISSING, [], READ, (), "repaired"),
        (MISSING, [], READ, SILENT, "repaired"),
        (MISSING, [MISSING], READ, (), "failed"),
        (MISSING, [], UNREAD, (), None),
        (MISSING, [], {}, SILENT, None),
        (MISSING, [], {}, (), "over"),
        (GONE, [GONE], {}, (), "left"),
        (GONE, [], READ, (), "over"),
        (UNKNOWN, [UNKNOWN], READ, (), "left"),
        (UNKNOWN, [], READ, (), "over"),
        (UNKNOWN, [], UNREAD, (), None),
        (STALE_STANDBY, [], READ, SILENT, "over"),
    ],
)
def test_only_what_is_ours_and_was_seen_again_is_repaired(
    drift: Drift,
    again: list[Drift],
    ports: dict[Guid, ObservedPort],
    problems: tuple[str, ...],
    said: str | None,
) -> None:
    survey = Survey(ports, problems)
    look = replace(audit(NOTHING, survey), found=tuple(again))

    assert outcome(drift, look, survey) == (said and Became(said))


@pytest.mark.parametrize(
    ("became", "overlooked", "code"),
    [
        ((), (), 0),
        ((), SILENT, 4),
        ((Became.LEFT,), (), 3),
        ((Became.REPAIRED, Became.FAILED), SILENT, 3),
        ((Became.REPAIRED, Became.OVER), (), 0),
        ((Became.REPAIRED,), SILENT, 4),
    ],
)
def test_a_difference_that_is_left_counts_more_than_what_was_overlooked(
    became: tuple[Became, ...], overlooked: tuple[str, ...], code: int
) -> None:
    rows = tuple((DriftRow.of(MISSING), each) for each in became)

    assert AuditAnswer(rows, 1, overlooked).exit_code == code
