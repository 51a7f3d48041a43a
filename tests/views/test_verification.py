# SPDX-License-Identifier: Apache-2.0
"""A site verified: of a collection, of what the cluster reaches, and of what cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput, Refused
from ibstack.verify.check import State
from ibstack.views.verification import Place, Scope, verified
from verify.faults import CLOUD, HOST, SITE

if TYPE_CHECKING:
    from pathlib import Path

ALL = tuple(Scope)


def collected(folder: Path) -> Place:
    return Place("/nowhere/fabricd.conf", folder=folder)


def test_where_all_holds_there_is_a_row_for_each_and_no_sentence() -> None:
    found = verified(collected(SITE), ALL)

    assert found.exit_code == 0
    assert found.sentences(with_ok=False) == []
    assert len(found.sentences(with_ok=True)) == len(found.rows)
    assert {row.state for row in found.rows} == {State.OK}
    assert found.summary.endswith(" hold, 0 failed, 0 could not be looked at")


def test_what_failed_comes_first(tmp_path: Path) -> None:
    fault = next(each for each in HOST if each.check == "clock")

    found = verified(collected(fault.inject(tmp_path)), [Scope.HOST])

    assert found.exit_code == 3
    assert found.sentences(with_ok=False)[0].startswith(
        "failed: node002: not true that the clock is synchronised: found"
    )
    row = found.rows[0]
    assert (row.id, row.state, row.hosts) == ("clock", State.FAILED, ("node002",))
    assert row.remedy


def test_what_is_not_known_has_nothing_found_and_says_why(tmp_path: Path) -> None:
    site = CLOUD[0].inject(tmp_path)
    (site / "node002/commands/dmesg").unlink()

    found = verified(collected(site), [Scope.HOST])

    (row,) = [row for row in found.rows if row.id == "driver-log" and row.why]
    assert (found.exit_code, row.state, row.found) == (4, State.NOT_KNOWN, None)


def test_a_folder_that_is_no_collection_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read a collection in"):
        verified(collected(tmp_path), ALL)


def test_what_was_kept_is_judged_as_what_was_read(tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    read = verified(collected(SITE), ALL, keep_in=kept)

    assert verified(collected(kept), ALL).rows == read.rows


def test_hosts_that_are_not_reached_from_here_are_refused(tmp_path: Path) -> None:
    settings = tmp_path / "cluster.conf"
    settings.write_text("[store]\nurl = sqlite:////nowhere.db\n")
    place = Place("/nowhere/fabricd.conf", hosts="node[001-002]", settings=settings)

    with pytest.raises(Refused, match="they are not reached from here"):
        verified(place, [Scope.HOST])


def test_a_fabric_whose_settings_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    settings = tmp_path / "cluster.conf"
    settings.write_text(f"[hosts]\nreach = tree:{tmp_path}/hosts\n")
    conf = tmp_path / "fabricd.conf"
    conf.write_text("[fabric]\nport = none\n")
    place = Place(str(conf), hosts="node001", settings=settings)

    found = verified(place, [Scope.FABRIC])

    assert found.exit_code == 4
    assert {row.state for row in found.rows} == {State.NOT_KNOWN}
