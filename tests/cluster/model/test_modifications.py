# SPDX-License-Identifier: Apache-2.0
"""The grammar of config file modifications, and what they do to a file."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.model.modifications import Modification, Operation, modified, parse
from ibstack.fabric.errors import BadValue

ML2 = "/etc/neutron/plugins/ml2/ml2_conf.ini"


def test_an_item_of_the_article_is_read() -> None:
    text = f"+{ML2}[ml2_type_vlan]network_vlan_ranges=ibhostnet:1:10,phyvlanhostnet:11:20"

    found = parse(text)

    assert found == Modification(
        Operation.SET,
        PurePosixPath(ML2),
        "ml2_type_vlan",
        "network_vlan_ranges",
        "ibhostnet:1:10,phyvlanhostnet:11:20",
    )
    assert str(found) == text


def test_the_value_is_all_after_the_first_sign() -> None:
    assert parse("+/a[s]k=x=y[z]= ").value == "x=y[z]= "
    assert parse("+/a[s]k=").value == ""


@pytest.mark.parametrize(
    ("text", "character", "why"),
    [
        ("", 1, "expected - or +"),
        ("/a[s]k", 1, "expected - or +"),
        ("+", 2, "absolute path"),
        ("+a[s]k=v", 2, "absolute path"),
        ("-[s]k", 2, "absolute path"),
        ("-/a/[s]k", 2, "absolute path"),
        ("-/a/../b[s]k", 2, "without empty parts"),
        ("-/a//b[s]k", 2, "without empty parts"),
        ("-/a", 4, "expected [section]"),
        ("-/a[s", 6, "expected ]"),
        ("-/a[]k", 5, "name without brackets"),
        ("-/a[ s]k", 5, "name without brackets"),
        ("-/a[s]", 7, "name without ="),
        ("-/a[s]#k", 7, "name without ="),
        ("-/a[s]k=v", 8, "without a value"),
        ("+/a[s]k", 8, "expected = and a value"),
        ("+/a[s]=v", 7, "name without ="),
        ("+/a[s]a:b=v", 7, "name without ="),
        ("+/a[s]k=a\nb=c", 9, "one line"),
    ],
)
def test_a_fault_says_what_and_where(text: str, character: int, why: str) -> None:
    with pytest.raises(BadValue) as refused:
        parse(text)

    assert f"at character {character}: " in str(refused.value)
    assert why in str(refused.value)


@given(st.text(st.sampled_from("+-/ab[]=: #\n\0é"), max_size=14))
def test_any_text_is_read_or_refused_and_what_is_read_is_spelled_one_way(text: str) -> None:
    try:
        found = parse(text)
    except BadValue:
        return

    assert parse(str(found)) == found


def apply(content: bytes, *texts: str) -> bytes:
    return modified(content, [parse(text) for text in texts], ML2)


GENERATED = b"[ml2]\n# types\ntype_drivers = flat,vlan\nother = 1\n"
PAIR = (f"-{ML2}[ml2]type_drivers", f"+{ML2}[ml2]type_drivers=flat")


def test_a_pair_replaces_a_value_in_its_place() -> None:
    after = GENERATED.replace(b"flat,vlan", b"flat")

    assert apply(GENERATED, *PAIR) == after
    assert apply(GENERATED, *reversed(PAIR)) == after
    assert apply(GENERATED, PAIR[1]) == after


def test_applying_twice_changes_nothing() -> None:
    once = apply(GENERATED, *PAIR, f"+{ML2}[eswitch]vnic_type=hostdev")

    assert apply(once, *PAIR, f"+{ML2}[eswitch]vnic_type=hostdev") == once
    assert once.endswith(b"\n\n[eswitch]\nvnic_type = hostdev\n")


def test_several_values_of_one_key_are_all_there() -> None:
    after = apply(GENERATED, f"+{ML2}[pci]device_spec=a", f"+{ML2}[PCI]device_spec=b")

    assert after.count(b"device_spec = ") == 2


def test_a_key_that_is_dropped_only_is_gone() -> None:
    assert apply(GENERATED, PAIR[0]) == b"[ml2]\n# types\nother = 1\n"
    assert apply(GENERATED, f"-{ML2}[nowhere]nothing") == GENERATED
