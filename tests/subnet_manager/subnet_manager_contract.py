# SPDX-License-Identifier: Apache-2.0
"""What every subnet manager behind the seam does; its tables are read by datagrams from outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import Membership, Partition, PartitionKey
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.policy.site import Site
from ibstack.subnet_manager.seam import Declaration, Role
from one_daemon import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.seam import Receipt, SubnetManager

RED, BLUE, STORAGE = PartitionKey(0x0101), PartitionKey(0x0102), PartitionKey(0x7001)
FULL, LIMITED = Membership.FULL, Membership.LIMITED


@dataclass
class Bench:
    """A master and a standby on one fabric, and two ports that are nobody's but tenants'."""

    manager: SubnetManager
    view: FabricView
    table: Callable[[Guid], set[str]]
    """The entries of a port as the wires hold them, proof keys left out."""
    one: Guid
    other: Guid
    again: Callable[[], SubnetManager]
    """Another process in place of who declares, over what the former one left."""
    edit: Callable[[], None]
    """Somebody else puts his own in place of what ibstack declared."""
    hang: Callable[[bool], None]
    """The subnet manager takes notice of nothing, or of what came meanwhile again."""
    standby: SubnetManager
    standby_view: FabricView
    fail_over: Callable[[], None]
    """The master ends, and the standby is master when this returns."""

    def apply(self, declaration: Declaration) -> Receipt:
        with self.view.open():
            self.manager.state()
            return self.manager.apply(declaration)

    def is_in_force(self, receipt: Receipt) -> bool | None:
        with self.view.open():
            return self.manager.in_force(receipt)

    def put_in_force(self, declaration: Declaration) -> Receipt:
        """Apply, and wait until it is in force."""
        receipt = self.apply(declaration)
        until(lambda: receipt.seen or self.is_in_force(receipt))
        return receipt

    def shows(self, one: Iterable[str], other: Iterable[str] = ()) -> None:
        """Wait until the two ports hold these entries beside the default partition's."""
        wanted = {"0x7fff", *one}, {"0x7fff", *other}
        until(lambda: (self.table(self.one), self.table(self.other)) == wanted)


def declaration(**members: dict[Guid, Membership]) -> Declaration:
    keys = {"red": RED, "blue": BLUE}
    return Declaration({keys[name]: Partition(keys[name], who) for name, who in members.items()})


class SubnetManagerContract(ABC):
    """Each test has a fabric of its own."""

    @pytest.fixture
    @abstractmethod
    def bench(self) -> Bench: ...

    def test_the_master_is_known_and_nothing_of_ours_is_declared_at_first(
        self, bench: Bench
    ) -> None:
        with bench.view.open():
            assert bench.manager.state().role is Role.MASTER
        with bench.standby_view.open():
            assert bench.standby.state().role is Role.STANDBY
        found = bench.manager.declared()
        assert (found.ours, found.partitions) == (False, {})
        assert bench.manager.site() == Site()

    def test_what_is_applied_is_declared_in_force_and_in_the_tables(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL, bench.other: LIMITED}, blue={bench.one: FULL})

        receipt = bench.put_in_force(replace(wanted, physical=frozenset({bench.one})))

        assert receipt.fresh
        bench.shows({"0x8101", "0x8102"}, {"0x0101"})
        found = bench.manager.declared()
        assert found.ours
        assert {k: dict(found.partitions[k].members) for k in (RED, BLUE)} == {
            RED: {bench.one: FULL, bench.other: LIMITED},
            BLUE: {bench.one: FULL},
        }
        assert found.physical == {bench.one}

    def test_the_same_again_changes_nothing(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)
        before = bench.manager.fingerprint(), bench.manager.publishes

        receipt = bench.apply(wanted)

        assert (receipt.fresh, receipt.seen) == (False, True)
        assert (bench.manager.fingerprint(), bench.manager.publishes) == before
        bench.shows({"0x8101"})

    def test_who_is_declared_no_more_leaves_the_table(self, bench: Bench) -> None:
        bench.put_in_force(declaration(red={bench.one: FULL, bench.other: FULL}))
        before = bench.manager.fingerprint()

        bench.put_in_force(declaration(red={bench.other: FULL}))

        bench.shows((), {"0x8101"})
        assert bench.manager.fingerprint() != before

    def test_a_table_is_written_anew_by_a_scratch_key_that_goes_again(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)
        bench.put_in_force(replace(wanted, rewrite=frozenset({bench.one})))
        bench.shows({"0x8101", "0xfff8"})

        bench.put_in_force(wanted)
        bench.shows({"0x8101"})

    def test_the_sites_own_partitions_are_beside_ours(self, bench: Bench) -> None:
        text = f"storage={STORAGE}: {bench.other}=full;\n"
        site = Site(text, frozenset({STORAGE}), tuple(parse(text.encode(), "site")))

        bench.put_in_force(replace(declaration(red={bench.one: FULL}), site=site))

        bench.shows({"0x8101"}, {"0xf001"})

    def test_what_is_anothers_is_not_replaced_until_it_is_ordered(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.edit()
        before = bench.manager.fingerprint()
        with pytest.raises(Refused, match="take-over`"):
            bench.manager.declared()
        with pytest.raises(Refused):
            bench.apply(wanted)
        assert bench.manager.fingerprint() == before

        bench.manager.take_over()
        bench.put_in_force(wanted)
        bench.shows({"0x8101"})

    def test_an_edit_is_refused_until_the_last_declaration_is_put_back(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)
        bench.edit()
        with pytest.raises(Refused, match="restore`"):
            bench.apply(declaration(blue={bench.one: FULL}))

        bench.manager.restore()
        assert bench.manager.declared().partitions[RED].members == {bench.one: FULL}
        bench.put_in_force(wanted)
        bench.shows({"0x8101"})

    def test_nothing_can_be_put_back_before_the_first_declaration(self, bench: Bench) -> None:
        with pytest.raises(Refused, match="cannot restore"):
            bench.manager.restore()

    def test_nothing_is_in_force_while_the_subnet_manager_hangs(self, bench: Bench) -> None:
        bench.put_in_force(declaration(red={bench.one: FULL}))
        bench.hang(True)
        receipt = bench.apply(declaration(blue={bench.one: FULL}))
        assert receipt.fresh
        assert not bench.is_in_force(receipt)
        bench.shows({"0x8101"})

        bench.hang(False)
        until(lambda: bench.is_in_force(receipt))
        bench.shows({"0x8102"})

    def test_after_an_invalidation_the_same_is_proved_anew(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)
        bench.manager.invalidate()

        assert bench.put_in_force(wanted).fresh
        bench.shows({"0x8101"})

    def test_another_process_goes_on_with_what_the_former_declared(self, bench: Bench) -> None:
        wanted = replace(declaration(red={bench.one: FULL}), physical=frozenset({bench.one}))
        bench.put_in_force(wanted)

        bench.manager = bench.again()
        found = bench.manager.declared()
        assert found.ours
        assert found.partitions[RED].members == {bench.one: FULL}
        assert found.physical == {bench.one}
        bench.put_in_force(wanted)
        bench.shows({"0x8101"})

    def test_a_standby_is_prepared_without_a_change_on_the_fabric(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)

        assert self._prepare(bench, wanted)
        assert not self._prepare(bench, wanted)
        with bench.standby_view.open():
            bench.standby.state()
            assert bench.standby.declared().is_masters is True
        bench.put_in_force(declaration(blue={bench.one: FULL}))
        with bench.standby_view.open():
            bench.standby.state()
            assert bench.standby.declared().is_masters is False
        bench.shows({"0x8102"})

    def test_a_takeover_brings_what_was_prepared_into_force(self, bench: Bench) -> None:
        wanted = declaration(red={bench.one: FULL})
        bench.put_in_force(wanted)
        self._prepare(bench, replace(wanted, partitions=declaration(
            red={bench.one: FULL}, blue={bench.other: FULL}).partitions))  # fmt: skip

        bench.fail_over()

        with bench.standby_view.open():
            assert bench.standby.state().role is Role.MASTER
        bench.shows({"0x8101"}, {"0x8102"})

    @staticmethod
    def _prepare(bench: Bench, wanted: Declaration) -> bool:
        with bench.standby_view.open():
            bench.standby.state()
            return bench.standby.prepare(wanted, confirmed=True)
