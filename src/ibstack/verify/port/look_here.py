# SPDX-License-Identifier: Apache-2.0
"""Answering a question about this host: each part of it, or why that part cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ibstack.fabric.errors import IbstackError
from ibstack.verify.port import look_dhcp, look_fabric, look_group, look_vf
from ibstack.verify.port.place_facts import PlaceFacts, Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.verify.port.look_dhcp import DhcpPlace
    from ibstack.verify.port.look_fabric import FabricPlace
    from ibstack.verify.port.look_group import GroupPlace
    from ibstack.verify.port.look_vf import HostPlace

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Here:
    """This host, as far as its parts are configured."""

    host: HostPlace
    dhcp: Callable[[], DhcpPlace]
    """IbstackError where it is not known where Neutron's DHCP agent keeps its files here."""
    fabric: Callable[[], FabricPlace]
    """IbstackError where there is no way to the fabric from here."""
    group: GroupPlace


@dataclass(slots=True)
class _Looking:
    missing: dict[str, str] = field(default_factory=dict)

    def part(self, name: str, wanted: bool, look: Callable[[], _Part]) -> _Part | None:
        if not wanted:
            return None
        try:
            return look()
        except IbstackError as error:
            self.missing[name] = str(error)
            return None


def look_here(here: Here, question: Question) -> PlaceFacts:
    """Answer *question*."""
    looking = _Looking()
    others = (question.key, question.network, question.group)
    asks_vf = question.pci is not None or not any(others)
    return PlaceFacts(
        vf=looking.part("vf", asks_vf, lambda: look_vf.look(here.host, question)),
        fabric=looking.part(
            "fabric",
            question.key is not None,
            lambda: look_fabric.look(here.fabric(), question),
        ),
        dhcp=looking.part(
            "dhcp", question.network is not None, lambda: look_dhcp.look(here.dhcp(), question)
        ),
        group=looking.part(
            "group", question.group is not None, lambda: look_group.look(here.group, question)
        ),
        missing=looking.missing,
    )
