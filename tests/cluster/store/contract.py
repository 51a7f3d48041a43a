# SPDX-License-Identifier: Apache-2.0
"""What a store does, whatever database it is in: each test class of a database inherits this."""

from __future__ import annotations

import multiprocessing
import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Text, text

from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Change, Draft, State
from ibstack.cluster.store.conflict import Conflict
from ibstack.cluster.store.database import Database
from ibstack.cluster.store.schema import METADATA, VERSION_TABLE
from ibstack.cluster.store.store import Store, open_store
from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.cluster.model.value import Value

WITHIN_S = 60
NOON = datetime(2014, 10, 17, 12, 0, 0, 123456, tzinfo=UTC)

AWKWARD: dict[str, Value] = {
    "empty": "",
    "blanks": "  two before, one after ",
    "lines": "a\r\nb\n\tc\n",
    "quotes": """'"`\\ %s %(x)s :name ? {} \\n""",
    "four bytes": "\U0001f9ca é ü ß 中",
    "nul": "a\0b",
    "half a pair": "\udcff",
    "script": "#!/bin/sh\n" + "echo \u2713 'x'\n" * 8000,
    "yes": True,
    "no": False,
    "one": 1,
    "zero": 0,
    "negative": -5,
    "large": 2**53 + 1,
    "list": ("a", "", " b ", "ü\0"),
    "no list": (),
    "one of a list": ("x",),
}

Url = str


def device(name: str, **values: Value) -> Entity:
    return Entity(EntityPath.of("device", name), "PhysicalNode", values)


def category(name: str, **values: Value) -> Entity:
    return Entity(EntityPath.of("category", name), "", values)


def role(owner: Entity, **values: Value) -> Entity:
    return Entity(owner.path.inside("roles", "openstacknode"), "openstacknode", values)


def put(store: Store, base: State, *entities: Entity, author: str = "alice") -> State:
    """Commit *entities*, added or changed."""
    draft = Draft(base)
    for entity in entities:
        draft.put(entity)
    return store.commit(draft.changes(), base=base, author=author)


def remove(store: Store, base: State, entity: Entity, author: str = "alice") -> State:
    draft = Draft(base)
    draft.remove(entity.path)
    return store.commit(draft.changes(), base=base, author=author)


def objects(state: State) -> dict[EntityPath, Entity]:
    return {entity.path: entity for entity in state}


def in_processes(*calls: tuple[Callable[..., None], tuple[object, ...]]) -> None:
    """Run the calls at once, each in a process; all must end well."""
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=function, args=args) for function, args in calls]
    for process in running:
        process.start()
    for process in running:
        process.join(WITHIN_S)
    assert [process.exitcode for process in running] == [0] * len(running)


def count(url: Url, name: str, times: int) -> None:
    """Add one to the object's number *times*, each in a commit; again where another was first."""
    store = open_store(url)
    done = 0
    while done < times:
        state = store.load()
        entity = state.get(EntityPath.of("category", name)) or category(name)
        number = entity.values.get("number", 0)
        assert isinstance(number, int)
        try:
            put(store, state, entity.with_value("number", number + 1), author=str(os.getpid()))
        except Conflict:
            continue
        done += 1


def add_devices(url: Url, letter: str, times: int) -> None:
    """Add one device in each commit, from the same stale state each time."""
    store = open_store(url)
    state = store.load()
    for number in range(times):
        put(store, state, device(f"{letter}{number}"))


def open_at_once(url: Url) -> None:
    assert open_store(url).load().revision == 0


def commit_for_ever(url: Url, started: multiprocessing.synchronize.Event) -> None:
    """Commit one number to all objects, then the next, until killed."""
    store = open_store(url)
    state = store.load()
    for number in range(10**6):
        draft = Draft(state)
        for entity in state:
            draft.put(entity.with_value("number", f"{os.getpid()} {number}"))
        try:
            state = store.commit(draft.changes(), base=state, author="killed")
        except TryLater:
            return  # The server was killed, and not this process.
        started.set()


def check_whole(store: Store, known: State) -> State:
    """Check that the state is *known* and a whole number of commits; return it."""
    state = store.load()
    commits = store.history(state.revision - known.revision, before=state.revision + 1)[::-1]
    assert [each.number for each in commits] == [*range(known.revision + 1, state.revision + 1)]
    for commit in commits:
        assert len(commit.changes) == len(known)
        assert all(known.get(each.path) == each.before for each in commit.changes)
        known = known.with_changes(commit.changes, commit.number)
    assert objects(known) == objects(state)
    assert len({entity.values["number"] for entity in state}) == 1
    return state


class StoreContract:
    """What every database must do; a subclass has a fixture `url` of an empty one."""

    @pytest.fixture
    def store(self, url: Url) -> Store:
        return open_store(url, clock=lambda: NOON)

    def test_a_new_store_is_empty(self, store: Store) -> None:
        state = store.load()

        assert (len(state), state.revision) == (0, 0)
        assert store.history() == []
        assert store.operator_stopped() == frozenset()

    def test_what_is_committed_is_what_is_loaded(self, store: Store, url: Url) -> None:
        node = device("node001", category="default")
        committed = put(store, store.load(), category("default"), node, role(node))

        loaded = open_store(url).load()

        assert committed.revision == loaded.revision == 1
        assert objects(committed) == objects(loaded)
        assert loaded.names("roles", node.path) == ["openstacknode"]
        assert loaded.get(node.path) == node

    def test_history_tells_who_changed_what_and_when(self, store: Store) -> None:
        old, new = category("default", revision="1"), category("default", revision="2")
        first = put(store, store.load(), old, author="alice")
        second = put(store, first, new, author="bob 中")
        remove(store, second, new)

        newest, *_, oldest = store.history()
        (middle,) = store.history(1, before=3)

        assert [newest.number, middle.number, oldest.number] == [3, 2, 1]
        assert (middle.author, middle.at) == ("bob 中", NOON)
        assert middle.changes == (Change(old.path, old, new),)
        assert newest.changes == (Change(old.path, new, None),)
        assert oldest.changes == (Change(old.path, None, old),)
        assert [each.number for each in store.history(2)] == [3, 2]

    def test_history_has_changes_in_the_order_of_their_paths(self, store: Store) -> None:
        node = device("a")
        put(store, store.load(), device("a!"), role(node), node, device("A"))

        (commit,) = store.history()

        assert [str(change.path) for change in commit.changes] == [
            "device/A",
            "device/a",
            "device/a/roles/openstacknode",
            "device/a!",
        ]

    @pytest.mark.parametrize("name", AWKWARD)
    def test_values_come_back_as_they_were(self, store: Store, url: Url, name: str) -> None:
        entity = category("default", value=AWKWARD[name])
        put(store, store.load(), entity)

        loaded = open_store(url).load().get(entity.path)

        assert loaded is not None
        assert loaded.values["value"] == AWKWARD[name]
        assert type(loaded.values["value"]) is type(AWKWARD[name])
        assert store.history()[0].changes == (Change(entity.path, None, entity),)

    def test_names_that_look_alike_are_different_objects(self, store: Store) -> None:
        names = ("node1", "Node1", "node1 ", "nodé1", "node\U0001f9ca1", "nodeß", "nodess", "ﬀ")
        state = put(store, store.load(), *(device(name, notes=name) for name in names))
        remove(store, state, device("Node1"))

        loaded = store.load()

        assert {each.name: each.values["notes"] for each in loaded} == {
            name: name for name in names if name != "Node1"
        }

    @pytest.mark.parametrize("name", ["/cm/shared", "a%2Fb", "100%"])
    def test_a_name_with_a_slash_or_a_percent_sign_comes_back(
        self, store: Store, name: str
    ) -> None:
        path = EntityPath.of("category", "default").inside("fsmounts", name)
        put(store, store.load(), category("default"), Entity(path))

        assert store.load().get(path) == Entity(path)
        assert store.history()[0].changes[1].path == path

    @pytest.mark.parametrize("name", ["a\0b", "a\nb", "\udcff", "x" * 251])
    def test_a_name_that_would_not_come_back_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(BadInput, match=r"cannot commit .*; give it another name"):
            put(store, store.load(), category("good"), category(name))

        assert len(store.load()) == 0

    def test_an_object_that_is_too_large_is_refused(self, store: Store) -> None:
        large = put(store, store.load(), category("a", notes="\n" * 1_500_000))
        put(store, large, category("a", notes="'" * 3_000_000))

        with pytest.raises(BadInput, match=r"'category/b': its values have 3200\d\d\d bytes"):
            put(store, store.load(), category("b", notes="x" * 3_200_000))

        assert store.load().revision == 2

    def test_a_commit_of_nothing_is_none(self, store: Store) -> None:
        state = put(store, store.load(), category("default"))

        again = store.commit(
            [Change(each.path, None, each) for each in state], base=state, author="alice"
        )

        assert again is state
        assert store.load().revision == 1

    def test_loading_what_is_known_costs_nothing(self, store: Store) -> None:
        state = put(store, store.load(), category("default"))

        assert store.load(state) is state
        assert store.load(State()).revision == 1

    def test_a_thousand_objects_change_in_one_commit(self, store: Store) -> None:
        devices = [device(f"node{number:04}") for number in range(1000)]
        state = put(store, store.load(), *devices)
        state = put(store, state, *(each.with_value("notes", "x") for each in devices))

        assert objects(store.load()) == objects(state)
        assert len(store.history(1)[0].changes) == 1000

    # Others

    def test_commits_of_other_objects_do_not_hinder(self, store: Store) -> None:
        base = store.load()
        put(store, base, device("node001"), author="bob")

        state = put(store, base, device("node002"))

        assert state.revision == 2
        assert objects(state) == objects(store.load())
        assert state.names("device") == ["node001", "node002"]

    def test_a_stale_commit_is_refused_and_shows_what_changed(self, store: Store) -> None:
        base = put(store, store.load(), device("node001", category="a"), device("node002"))
        put(store, base, device("node001", category="b"), author="bob")

        with pytest.raises(Conflict) as refused:
            put(store, base, device("node002", notes="x"), device("node001", notes="mine"))

        assert str(refused.value) == (
            "cannot commit: changed under it; refresh, and change it again\n"
            "  commit 2 by bob at 2014-10-17 12:00:00 UTC: device/node001 category: a → b"
        )
        assert refused.value.exit_code == 3
        assert store.load().revision == 2
        assert store.load().get(EntityPath.of("device", "node002")) == device("node002")

    def test_what_others_took_back_does_not_hinder(self, store: Store) -> None:
        base = put(store, store.load(), category("a", notes="1"))
        other = put(store, base, category("a", notes="2"), author="bob")
        put(store, other, category("a", notes="1"), author="bob")

        assert put(store, base, category("a", notes="3")).revision == 4

    def test_an_object_that_two_add_is_refused_to_the_second(self, store: Store) -> None:
        base = store.load()
        put(store, base, category("a"), author="bob")

        with pytest.raises(Conflict, match=r"commit 1 by bob at .*: category/a: added"):
            put(store, base, category("a"))

    def test_a_reference_to_what_is_gone_is_refused(self, store: Store) -> None:
        base = put(store, store.load(), category("a"), category("b"), device("n", category="b"))
        remove(store, base, category("a"), author="bob")

        with pytest.raises(
            Conflict,
            match=r"commit 2 by bob .*: category/a: removed \(device/n category names it\)",
        ):
            put(store, base, device("n", category="a"))

    def test_removal_of_what_was_since_referred_to_is_refused(self, store: Store) -> None:
        base = put(store, store.load(), category("a"), category("b"), device("n", category="b"))
        put(store, base, device("n", category="a"), author="bob")

        with pytest.raises(Conflict, match=r"device/n category: b → a \(it names category/a"):
            remove(store, base, category("a"))

    def test_an_object_inside_one_that_is_gone_is_refused(self, store: Store) -> None:
        node = device("n")
        base = put(store, store.load(), node)
        remove(store, base, node, author="bob")

        with pytest.raises(Conflict, match=r"device/n: removed \(device/n/roles/.* is inside it"):
            put(store, base, role(node))

    def test_removal_of_what_has_since_grown_is_refused(self, store: Store) -> None:
        node = device("n")
        base = put(store, store.load(), node)
        put(store, base, role(node), author="bob")

        with pytest.raises(Conflict, match=r"device/n/roles/openstacknode: added \(it is inside"):
            remove(store, base, node)

    def test_a_state_of_a_newer_store_is_refused(self, store: Store) -> None:
        with pytest.raises(Refused, match="an older store was put in its place"):
            put(store, State([], revision=7), category("a"))

    def test_two_programs_that_start_at_once_make_the_tables_once(self, url: Url) -> None:
        in_processes(*[(open_at_once, (url,))] * 4)

        assert open_store(url).load().revision == 0

    def test_two_programs_that_commit_at_once_lose_nothing(self, store: Store, url: Url) -> None:
        put(store, store.load(), category("shared", number=0))

        in_processes(
            (count, (url, "shared", 8)),
            (count, (url, "shared", 8)),
            (add_devices, (url, "x", 8)),
            (add_devices, (url, "y", 8)),
        )

        state = store.load()
        shared = state.get(EntityPath.of("category", "shared"))
        assert shared is not None
        assert shared.values["number"] == 16
        assert len(state.names("device")) == 16
        assert [each.number for each in store.history()] == [*range(33, 0, -1)]

    # Undo

    def test_undo_takes_a_commit_back_and_leaves_later_ones(self, store: Store) -> None:
        state = put(store, store.load(), category("a", notes="1", revision="1"), category("b"))
        state = put(store, state, category("a", notes="2", revision="1", timeservers=("x",)))
        state = remove(store, state, category("b"))
        changed = state.get(EntityPath.of("category", "a"))
        assert changed is not None
        put(store, state, changed.with_value("revision", "9"))

        store.undo(3, author="bob")
        state = store.undo(2, author="bob", known=store.load())

        assert objects(state) == objects(store.load())
        assert [state.get(each.path) for each in (category("a"), category("b"))] == [
            category("a", notes="1", revision="9"),
            category("b"),
        ]
        assert store.history(1)[0].author == "bob"

    def test_undo_of_undo_brings_it_back(self, store: Store) -> None:
        state = put(store, store.load(), category("a"), device("n", category="a"))
        store.undo(1, author="bob")
        assert len(store.load()) == 0

        assert objects(store.undo(2, author="bob")) == objects(state)

    def test_undo_of_one_after_the_other_goes_all_the_way_back(self, store: Store) -> None:
        state = store.load()
        for notes in ("1", "2", "3"):
            state = put(store, state, category("a", notes=notes))

        for number in (3, 2, 1):
            state = store.undo(number, author="bob")

        assert len(state) == 0
        assert state.revision == 6

    def test_undo_of_a_property_that_was_changed_since_is_refused(self, store: Store) -> None:
        state = put(store, store.load(), category("a", notes="1"))
        state = put(store, state, category("a", notes="2"))
        put(store, state, category("a", notes="3"), author="bob")

        with pytest.raises(Conflict) as refused:
            store.undo(2, author="alice")

        assert str(refused.value) == (
            "cannot undo commit 2: changed under it; undo or change these first\n"
            "  commit 3 by bob at 2014-10-17 12:00:00 UTC: category/a notes: 2 → 3"
        )
        assert store.load().revision == 3

    def test_undo_of_what_later_objects_need_is_refused(self, store: Store) -> None:
        state = put(store, store.load(), category("a"))
        put(store, state, device("n", category="a"))

        with pytest.raises(
            Conflict, match=r"device/n category: unset → a \(it names category/a, which"
        ):
            store.undo(1, author="alice")

    def test_undo_of_a_removal_whose_references_are_gone_is_refused(self, store: Store) -> None:
        node = device("n", category="a")
        state = put(store, store.load(), category("a"), node)
        state = remove(store, state, node)
        remove(store, state, category("a"))

        with pytest.raises(Conflict, match=r"category/a: removed \(device/n category names it"):
            store.undo(2, author="alice")

    @pytest.mark.parametrize("number", [-1, 0, 2])
    def test_undo_of_no_commit_is_refused(self, store: Store, number: int) -> None:
        put(store, store.load(), category("a"))

        with pytest.raises(BadInput, match="there is no such commit; the last one is 1"):
            store.undo(number, author="alice")

    # Services that an operator stopped

    def test_a_hold_lasts_until_it_is_released(self, store: Store, url: Url) -> None:
        store.keep_stopped("node001", "opensm")
        store.keep_stopped("node001", "opensm")
        store.keep_stopped("Node001", "opensm")
        store.keep_stopped("node001", "eswitchd")
        store.let_start("node001", "eswitchd")
        store.let_start("node001", "eswitchd")

        assert open_store(url).operator_stopped() == {("node001", "opensm"), ("Node001", "opensm")}
        assert store.history() == []

    def test_the_holds_of_a_device_go_with_it(self, store: Store) -> None:
        state = put(store, store.load(), device("a"), device("b"))
        store.keep_stopped("a", "opensm")
        store.keep_stopped("b", "opensm")
        remove(store, state, device("a"))

        assert store.operator_stopped() == {("b", "opensm")}

    # Tables

    def test_the_migrations_make_the_tables_that_the_code_expects(self, url: Url) -> None:
        open_store(url)
        with Database(url).reading("compare") as connection:
            # MariaDB's text of any length is a type of its own.
            other = lambda _context, _column, _known, found, wanted: (  # noqa: E731
                False if isinstance(wanted, Text) and str(found).startswith("LONGTEXT") else None
            )
            context = MigrationContext.configure(
                connection, opts={"version_table": VERSION_TABLE, "compare_type": other}
            )
            assert compare_metadata(context, METADATA) == []

    def test_a_store_of_a_newer_version_is_refused(self, store: Store, url: Url) -> None:
        statements(url, [f"UPDATE {VERSION_TABLE} SET version_num = '9999'"])

        with pytest.raises(BadInput, match=r"newer ibstack \(schema 9999, known here: .*upgrade"):
            open_store(url)

    def test_a_row_that_is_damaged_is_named(self, store: Store, url: Url) -> None:
        put(store, store.load(), category("a"))
        statements(url, ["UPDATE cluster_objects SET properties = '{'"])

        with pytest.raises(BadInput, match="its row 'category/a' was not written by ibstack"):
            store.load()


class KillContract:
    """What is left when a program is killed in mid-commit; a subclass has a fixture `url`."""

    kills = 5

    def test_a_program_killed_in_mid_commit_leaves_whole_commits(self, url: Url) -> None:
        store, fork, chance = open_store(url), multiprocessing.get_context("fork"), random.Random(4)
        state = put(store, store.load(), *(device(f"n{i}", number="") for i in range(60)))
        for _ in range(self.kills):
            started = fork.Event()
            process = fork.Process(target=commit_for_ever, args=(url, started))
            process.start()
            assert started.wait(WITHIN_S)
            process.join(chance.uniform(0, 0.05))
            process.kill()
            process.join(WITHIN_S)

            before, state = state, check_whole(store, state)

            assert state.revision > before.revision
        assert put(store, state, category("after")).revision == state.revision + 1


def statements(url: Url, wanted: Iterable[str]) -> None:
    """Run SQL on the store's database."""
    with Database(url).writing("test") as (connection, _):
        for statement in wanted:
            connection.execute(text(statement))


def says_one_line(error: IbstackError) -> str:
    """Return what it says, which must be one line of ours."""
    said = str(error)
    assert said.startswith("cannot ")
    assert len(said.splitlines()) == 1
    return said
