# SPDX-License-Identifier: Apache-2.0
"""What `validate` says of the adapters of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.infiniband_cluster import infiniband_roles, two_fabrics
from ibstack.cluster.model.checks import problems
from ibstack.cluster.model.entity import EntityPath

if TYPE_CHECKING:
    from ibstack.cluster.model.value import Value

ROLE = EntityPath.of("category", "openstack-compute-hosts").inside("roles", "infinibandhost")
SECOND = ("ibstorage",)


def said(**values: Value) -> list[str]:
    draft = two_fabrics()
    infiniband_roles(draft, **values)
    return [each.message for each in problems(draft, ROLE)]


def test_a_role_with_two_adapters_is_well() -> None:
    assert said(furtherfabrics=SECOND, furtherinterfaces=("ib2",)) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"furtherfabrics": SECOND}, "there are 0, and 1 further fabrics: one goes with each"),
        ({"furtherinterfaces": ("ib2",)}, "there are 1, and 0 further fabrics"),
        ({"furtherfabrics": SECOND, "furtherinterfaces": ("ib0",)}, "ib0 is named twice"),
        ({"furtherfabrics": SECOND, "furtherinterfaces": ("a b",)}, "'a b' is no name"),
        ({"interface": 'ib0"'}, "is no name of an interface"),
        ({"furtherfabrics": ("x",), "furtherinterfaces": ("ib2",)}, "there is no fabric x"),
        (
            {"fabric": "", "furtherfabrics": SECOND, "furtherinterfaces": ("ib2",)},
            "they do nothing while fabric is not set",
        ),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, Value], message: str) -> None:
    assert any(message in each for each in said(**values))


def test_modes_that_differ_are_told() -> None:
    draft = two_fabrics(mode="connected")

    (problem,) = problems(draft, ROLE)
    assert not problem.is_error
    assert "ibhostnet: datagram, ibstorage: connected" in problem.message


def test_a_host_that_manages_two_fabrics_is_told() -> None:
    second = EntityPath.of("fabric", "ibstorage")
    managed = problems(two_fabrics(subnetmanagers=("headnode",)), second)

    assert [each.message for each in managed if "headnode" in each.message] == [
        "headnode manages ibhostnet too; its files are made for one of them"
    ]
    assert not any(each.is_error for each in managed)
    assert not any("too" in each.message for each in problems(two_fabrics(), second))
