# SPDX-License-Identifier: Apache-2.0
"""Each check holds in a recorded site, fails in it with a fault, and never guesses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ibstack.facts.collection import load, save
from ibstack.facts.evidence import Missing, shown
from ibstack.facts.site import Site
from ibstack.verify.check import State
from ibstack.verify.registry import Scope, rules, verify
from ibstack.verify.report import entries, exit_status
from verify.faults import CLOUD, FABRIC, FAULTS, HOST, SITE, Fault

REFERENCE = Path(__file__).parents[2] / "docs/reference/verify.md"
ALL = (*HOST, *FABRIC, *CLOUD)
RULES = [(scope, rule.id) for scope in Scope for rule in rules(scope)]


def named(fault: Fault) -> str:
    return f"{fault.check}-{fault.what.replace(' ', '-')}"


def first_line(fault: Fault, folder: Path) -> str:
    scope = next(Scope(name) for name, faults in FAULTS.items() if fault in faults)
    return entries(verify(load(fault.inject(folder)), [scope]))[0].line()


def row(fault: Fault, folder: Path) -> str:
    """Return the line of the reference's table: without the remedy, which would fill the page."""
    line = first_line(fault, folder)
    found, _, _ = line.partition(", wanted ")
    return f"| {fault.what} | `{fault.check}` | {found.replace('|', chr(92) + '|')} |"


@pytest.mark.parametrize(("scope", "rule"), RULES)
def test_a_check_holds_in_a_site_that_is_as_it_should_be(scope: Scope, rule: str) -> None:
    states = {each.state for each in verify(load(SITE), [scope]) if each.id == rule}

    assert states == {State.OK}


def test_every_check_has_a_fault_and_every_fault_a_check() -> None:
    assert {id for _, id in RULES} == {fault.check for fault in ALL}


def test_no_two_checks_have_one_id() -> None:
    assert len({id for _, id in RULES}) == len(RULES)


@pytest.mark.parametrize("fault", ALL, ids=named)
def test_a_fault_is_named_in_the_first_line(fault: Fault, tmp_path: Path) -> None:
    scope = next(Scope(name) for name, faults in FAULTS.items() if fault in faults)

    checks = verify(load(fault.inject(tmp_path)), [scope])

    first = entries(checks)[0].check
    assert (first.id, first.state) == (fault.check, State.FAILED)
    assert first.remedy
    assert first.source
    assert first.wanted
    assert exit_status(checks) == 3


@pytest.mark.parametrize("fault", ALL, ids=named)
def test_the_reference_says_what_the_first_line_is(fault: Fault, tmp_path: Path) -> None:
    assert row(fault, tmp_path) in REFERENCE.read_text().splitlines()


def test_the_reference_has_every_check() -> None:
    text = REFERENCE.read_text()

    assert [id for _, id in RULES if f"| `{id}` |" not in text] == []


@pytest.mark.parametrize("scope", Scope)
def test_of_nothing_nothing_is_known(scope: Scope) -> None:
    checks = verify(Site(), [scope])

    assert {each.state for each in checks} == {State.NOT_KNOWN}
    assert all(each.found is None and each.why for each in checks)
    assert exit_status(checks) == 4


WHOLE = load(SITE)
HOLDS = verify(WHOLE, Scope)
TEXTS = [
    (host.host, name) for host in WHOLE.hosts.values() for name in host.texts if host.has(name)
]


@pytest.mark.parametrize(("host", "name"), TEXTS)
def test_what_cannot_be_read_is_not_called_right(host: str, name: str) -> None:
    """Nothing that was read there holds any longer; another source answers, or it is not known."""
    here = WHOLE.hosts[host]
    less = replace(here, texts={**here.texts, name: Missing("permission denied")})

    checks = verify(replace(WHOLE, hosts={**WHOLE.hosts, host: less}), Scope)

    from_there = [each for each in checks if each.host == host and shown(name) in each.source]
    assert [each.id for each in from_there if each.state is State.OK] == []
    silent = used(host, name) - {each.id for each in checks if each.host == host}
    assert State.NOT_KNOWN in {each.state for each in checks} or not silent


def used(host: str, name: str) -> set[str]:
    return {each.id for each in HOLDS if each.host == host and shown(name) in each.source}


def test_a_collection_is_read_as_it_was_written(tmp_path: Path) -> None:
    save(load(SITE), tmp_path)

    assert verify(load(tmp_path), Scope) == verify(load(SITE), Scope)


def test_what_is_not_looked_at_is_no_success() -> None:
    site = load(SITE)

    checks = verify(Site(site.hosts), [Scope.FABRIC])

    assert exit_status(checks) == 4
