# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.member import LeftVf
from ibstack.fabric.partition import (
    DEFAULT_OWNED_KEYS,
    Membership,
    Partition,
    PartitionKey,
    TableEntry,
)
from ibstack.fabric.pci import PciAddress
from ibstack.subnet_manager.policy.drift import (
    Drift,
    DriftClass,
    Expected,
    ObservedPort,
    Survey,
    audit,
)

PORT, MANAGER = Guid(0x31), Guid(0x11)
RED = PartitionKey(0x0101)
SITE = PartitionKey(0x7FEF)
EXPECTED = Expected(
    desired={RED: Partition(RED, {PORT: Membership.FULL})},
    ours=frozenset({RED, PartitionKey(0x0102)}),
    full_default=frozenset({MANAGER}),
    site_keys=frozenset({SITE}),
    managers=frozenset({MANAGER}),
)


def table(*raw: int, size: int = 8) -> tuple[TableEntry | None, ...]:
    return tuple(TableEntry.from_wire(entry) for entry in (*raw, *[0] * (size - len(raw))))


def found(expected: Expected, survey: Survey) -> list[Drift]:
    return list(audit(expected, survey).found)


@pytest.mark.parametrize(
    ("guid", "raw", "named"),
    [
        (PORT, (0x7FFF, 0x8101), []),
        (PORT, (0x7FFF, 0, 0, 0x8101), []),
        (PORT, (0x7FFF,), ["missing: 0x0000000000000031 0x8101 h"]),
        (PORT, (0x7FFF, 0x0101), ["missing: 0x0000000000000031 0x8101 h",
                                  "unexpected: 0x0000000000000031 0x0101 h"]),
        (PORT, (0x7FFF, 0x8101, 0x8102), ["unexpected: 0x0000000000000031 0x8102 h"]),
        (PORT, (0x7FFF, 0x8101, 0xFFF8), ["unexpected: 0x0000000000000031 0xfff8 h"]),
        (PORT, (0x7FFF, 0x8101, 0xFFF0), ["unexpected: 0x0000000000000031 0xfff0 h"]),
        (PORT, (0x7FFF, 0x8101, 0x8103), ["unknown: 0x0000000000000031 0x8103 h"]),
        (PORT, (0x7FFF, 0x8101, 0xFFEF), []),
        (PORT, (0xFFFF, 0x8101), ["open default: 0x0000000000000031 0xffff h"]),
        (PORT, (0, 0x8101), ["dead index 0: 0x0000000000000031 h"]),
        (MANAGER, (0xFFFF, 0xFFF0), []),
        (MANAGER, (0xFFFF, 0x8101), ["unexpected: 0x0000000000000011 0x8101 h"]),
    ],
)  # fmt: skip
def test_each_difference_has_a_name(guid: Guid, raw: tuple[int, ...], named: list[str]) -> None:
    drifts = found(EXPECTED, Survey({guid: ObservedPort(table(*raw), name="h")}))

    assert [str(drift) for drift in drifts] == named


def test_a_table_without_a_free_entry_is_an_alarm() -> None:
    (drift,) = found(EXPECTED, Survey({PORT: ObservedPort(table(0x7FFF, 0x8101, size=2))}))

    assert drift == Drift(DriftClass.TABLE_FULL, PORT, None)
    assert drift.kind.alarm


def test_a_table_that_is_not_known_is_not_empty() -> None:
    assert found(EXPECTED, Survey({PORT: ObservedPort(None)})) == []


def test_a_member_whose_port_is_down_is_named_and_its_old_table_is_not_read() -> None:
    drifts = found(EXPECTED, Survey({PORT: ObservedPort(table(0xFFFF), active=False)}))

    assert [drift.kind for drift in drifts] == [DriftClass.PORT_DOWN]


def test_a_port_at_which_the_switch_does_not_check_is_an_alarm() -> None:
    drifts = found(EXPECTED, Survey({PORT: ObservedPort(table(0x7FFF, 0x8101), enforced=False)}))

    assert [drift.kind for drift in drifts] == [DriftClass.ENFORCEMENT_LOST]


def test_a_fabric_on_which_no_switch_checks_is_one_alarm_and_not_one_for_each_port() -> None:
    ports = {PORT: ObservedPort(table(0x7FFF, 0x8101)), MANAGER: ObservedPort(table(0xFFFF))}

    (drift,) = found(EXPECTED, Survey(ports, enforcing=False))

    assert drift.kind is DriftClass.ENFORCEMENT_LOST
    assert (drift.guid, drift.repairable) == (None, False)
    assert "part_enforce" in str(drift)
    assert found(EXPECTED, Survey(ports)) == []


def test_a_members_physical_port_that_has_gone_is_down_and_a_vf_that_has_gone_is_not() -> None:
    physical = replace(EXPECTED, physical=frozenset({PORT}))

    (drift,) = found(physical, Survey({}))

    assert (drift.kind, drift.guid, drift.repairable) == (DriftClass.PORT_DOWN, PORT, False)
    assert "not on the fabric" in str(drift)
    assert found(EXPECTED, Survey({})) == []
    nobodys = replace(physical, desired={})
    assert found(nobodys, Survey({})) == []


def test_a_map_that_is_not_whole_calls_no_port_gone_and_none_of_its_drift_over() -> None:
    physical = replace(EXPECTED, physical=frozenset({PORT}))
    was = Drift(DriftClass.MISSING, PORT, TableEntry.from_wire(0x8101))

    look = audit(physical, Survey({}, problems=("cannot read the node at 0,1",)))

    assert look.found == ()
    assert look.unsure(was)
    assert not audit(physical, Survey({})).unsure(was)
    assert audit(physical, Survey({PORT: ObservedPort(None)})).unsure(was)


def test_where_it_is_not_known_what_is_desired_only_the_alarms_are_looked_for() -> None:
    nothing = replace(EXPECTED, desired=None, site_keys=None)
    full = ObservedPort(table(0xFFFF, 0x8102, 0x8103, size=3), active=True)

    look = audit(nothing, Survey({PORT: full}))

    assert [drift.kind for drift in look.found] == [
        DriftClass.OPEN_DEFAULT,
        DriftClass.TABLE_FULL,
    ]
    assert look.unsure(Drift(DriftClass.UNEXPECTED, PORT, TableEntry.from_wire(0x8102)))
    assert not look.unsure(Drift(DriftClass.DEAD_INDEX_0, PORT, None))


def test_where_the_sites_keys_are_not_known_no_key_is_called_unknown() -> None:
    look = audit(
        replace(EXPECTED, site_keys=None),
        Survey({PORT: ObservedPort(table(0x7FFF, 0x8101, 0x8103, 0x8102))}),
    )

    assert [str(drift.entry) for drift in look.found] == ["0x8102"]


@given(
    st.dictionaries(
        st.sampled_from([Guid(n) for n in range(1, 5)]),
        st.dictionaries(
            st.sampled_from([PartitionKey(n) for n in (1, 2, 3)]), st.sampled_from(Membership)
        ),
    )
)
def test_a_fabric_that_holds_what_is_desired_shows_no_drift(
    held: dict[Guid, dict[PartitionKey, Membership]],
) -> None:
    desired = {
        key: Partition(key, {guid: keys[key] for guid, keys in held.items() if key in keys})
        for key in (PartitionKey(n) for n in (1, 2, 3))
    }
    observed = {
        guid: ObservedPort(
            (TableEntry.from_wire(0x7FFF), *(TableEntry.of(k, m) for k, m in keys.items()), None)
        )
        for guid, keys in held.items()
    }

    assert found(Expected(desired, DEFAULT_OWNED_KEYS, frozenset()), Survey(observed)) == []


def test_what_hosts_have_attached_without_a_port_is_named_whatever_the_tables_show() -> None:
    vf = LeftVf("node002", PciAddress.parse("0000:05:00.1"), Guid(0x77))
    look = audit(replace(EXPECTED, left=(vf,)), Survey({}, problems=("a switch is silent",)))

    (drift,) = look.found
    assert str(drift).startswith("left attached: 0x0000000000000077 node002 VF 0000:05:00.1")
    assert (drift.repairable, drift.kind.alarm, look.unsure(drift)) == (False, False, False)
