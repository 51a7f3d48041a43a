# SPDX-License-Identifier: Apache-2.0
"""What leaves a change its meaning: two whole states never merge into one that is not whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Change, Draft, State
from ibstack.cluster.store.commit import Commit, same_object, shown
from ibstack.cluster.store.conflict import Conflict, clashes, references, reversal

NOON = datetime(2014, 10, 17, 12, tzinfo=UTC)

# Few objects, so that two shells meet.
IMAGES = [EntityPath.of("softwareimage", name) for name in "ij"]
CATEGORIES = [EntityPath.of("category", name) for name in "ab"]
DEVICES = [EntityPath.of("device", name) for name in "nm"]
ROLES = [path.inside("roles", "openstacknode") for path in (*CATEGORIES, *DEVICES)]
PATHS = [*IMAGES, *CATEGORIES, *DEVICES, *ROLES]

images = st.sampled_from(["i", "j"])
notes = st.sampled_from(["1", "2"])
edits = st.tuples(
    st.sampled_from(PATHS),
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {},
            optional={
                "softwareimage": images,
                "category": st.sampled_from(["a", "b"]),
                "notes": notes,
                "revision": notes,
            },
        ),
    ),
)
histories = st.lists(st.lists(edits, max_size=5), min_size=1, max_size=5)


def is_whole(state: State) -> bool:
    """Tell whether whatever an object is inside of, or refers to, is there."""
    return all(
        (each.path.parent is None or state.get(each.path.parent) is not None)
        and all(state.get(target) is not None for target in references(each))
        for each in state
    )


def commit_of(base: State, wanted: list[tuple[EntityPath, dict[str, str] | None]]) -> Commit:
    """Return what a shell commits that refuses, as ours does, every edit that breaks the whole."""
    draft = Draft(base)
    for path, values in wanted:
        before = draft.changes()
        if values is None:
            draft.remove(path)
        else:
            known = draft.get(path)
            draft.put(Entity(path, "", {**(known.values if known else {}), **values}))
        if not is_whole(base.with_changes(draft.changes(), 0)):
            draft = Draft(base)
            for change in before:
                draft.remove(change.path) if change.after is None else draft.put(change.after)
    return Commit(base.revision + 1, "bob", NOON, draft.changes())


def played(history: list[list[tuple[EntityPath, dict[str, str] | None]]]) -> list[Commit]:
    state, commits = State(), []
    for wanted in history:
        commits.append(commit_of(state, wanted))
        state = state.with_changes(commits[-1].changes, commits[-1].number)
    return commits


def state_after(commits: list[Commit]) -> State:
    state = State()
    for commit in commits:
        state = state.with_changes(commit.changes, commit.number)
    return state


def same_states(one: State, other: State) -> bool:
    return all(same_object(one.get(path), other.get(path)) for path in PATHS)


@given(histories, histories, st.lists(edits, max_size=5))
def test_what_does_not_clash_merges_into_a_whole(
    before: list[list[tuple[EntityPath, dict[str, str] | None]]],
    others: list[list[tuple[EntityPath, dict[str, str] | None]]],
    wanted: list[tuple[EntityPath, dict[str, str] | None]],
) -> None:
    base = state_after(played(before))
    ours = commit_of(base, wanted).changes
    theirs, head = [], base
    for each in others:
        theirs.append(commit_of(head, each))
        head = head.with_changes(theirs[-1].changes, theirs[-1].number)

    if clashes(ours, theirs):
        return

    merged = head.with_changes(ours, head.revision + 1)
    assert is_whole(merged)
    for change in ours:
        assert same_object(merged.get(change.path), change.after)
        # What is overwritten is what the shell saw.
        assert same_object(head.get(change.path), change.before)


@given(histories, st.data())
def test_an_undo_leaves_a_whole_and_all_that_came_later(
    history: list[list[tuple[EntityPath, dict[str, str] | None]]], data: st.DataObject
) -> None:
    commits = played(history)
    number = data.draw(st.integers(1, len(commits)))
    head = state_after(commits)

    try:
        changes = reversal(commits[number - 1], head, commits[number:])
    except Conflict:
        assert number < len(commits)
        return

    undone = head.with_changes(changes, head.revision + 1)
    assert is_whole(undone)
    if number == len(commits):
        assert same_states(undone, state_after(commits[:-1]))
    for path in PATHS:
        if path not in {change.path for change in commits[number - 1].changes}:
            assert same_object(undone.get(path), head.get(path))


@given(histories)
def test_undoing_all_from_the_last_on_leaves_nothing(
    history: list[list[tuple[EntityPath, dict[str, str] | None]]],
) -> None:
    commits = played(history)
    head, done = state_after(commits), list(commits)

    for commit in reversed(commits):
        changes = reversal(commit, head, done[commit.number :])
        done.append(Commit(len(done) + 1, "bob", NOON, changes))
        head = head.with_changes(changes, len(done))

    assert len(head) == 0


def test_nothing_clashes_with_nobody() -> None:
    change = Change(CATEGORIES[0], None, Entity(CATEGORIES[0]))

    assert clashes([change], []) == ()


def test_what_others_added_and_removed_again_does_not_hinder() -> None:
    added = Change(CATEGORIES[0], None, Entity(CATEGORIES[0]))
    removed = Change(CATEGORIES[0], Entity(CATEGORIES[0]), None)

    assert (
        clashes([added], [Commit(2, "b", NOON, (added,)), Commit(3, "b", NOON, (removed,))]) == ()
    )


def test_a_changed_object_needs_also_what_it_referred_to_before() -> None:
    old = Entity(DEVICES[0], "", {"category": "a"})
    change = Change(old.path, old, old.with_value("notes", "x"))
    theirs = Commit(2, "bob", NOON, (Change(CATEGORIES[0], Entity(CATEGORIES[0]), None),))

    (clash,) = clashes([change], [theirs])

    assert clash.because == "device/n category names it"
    assert clashes([change], [theirs], by_property=True) == ()


def test_true_is_not_one() -> None:
    one, true = (Entity(CATEGORIES[0], "", {"notes": value}) for value in (1, True))

    assert one == true
    assert not same_object(one, true)


def test_an_object_made_anew_as_another_type_is_replaced() -> None:
    path = DEVICES[0]
    old, new = Entity(path, "PhysicalNode"), Entity(path, "VirtualNode")
    theirs = Commit(2, "bob", NOON, (Change(path, old, new),))

    (clash,) = clashes([Change(path, old, old.with_value("notes", "x"))], [theirs])

    assert str(clash) == "commit 2 by bob at 2014-10-17 12:00:00 UTC: device/n: replaced"


def test_a_long_list_of_clashes_is_cut() -> None:
    paths = [EntityPath.of("device", f"n{number:02}") for number in range(12)]
    theirs = Commit(2, "bob", NOON, tuple(Change(each, None, Entity(each)) for each in paths))
    ours = [Change(each, None, Entity(each)) for each in paths]

    lines = str(Conflict("commit", clashes(ours, [theirs]), "refresh")).splitlines()

    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "unset"),
        ("", '""'),
        ("a b", "a b"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (("a", "b"), "a,b"),
        ((), '""'),
        ("two\nlines", "<9 bytes>"),
        ("ü" * 61, "<122 bytes>"),
        ("\udcff", "<3 bytes>"),
    ],
)
def test_values_are_shown_on_one_line(value: object, said: str) -> None:
    values = {} if value is None else {"notes": value}

    assert shown(values, "notes") == said  # type: ignore[arg-type]
