# SPDX-License-Identifier: Apache-2.0
"""Answering a question about this host: each part of it, or why that part cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ibstack.diagnose import local_dhcp, local_fabric, local_group, local_vf
from ibstack.diagnose.host_facts import HostFacts, Question
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.diagnose.local_dhcp import DhcpSource
    from ibstack.diagnose.local_fabric import FabricSource
    from ibstack.diagnose.local_group import GroupSource
    from ibstack.diagnose.local_vf import VfSource

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class LocalSources:
    """This host, as far as its parts are configured."""

    host: VfSource
    dhcp: Callable[[], DhcpSource]
    """IbstackError where it is not known where Neutron's DHCP agent keeps its files here."""
    fabric: Callable[[], FabricSource]
    """IbstackError where there is no way to the fabric from here."""
    group: GroupSource


@dataclass(slots=True)
class _Reading:
    missing: dict[str, str] = field(default_factory=dict)

    def part(self, name: str, wanted: bool, read: Callable[[], _Part]) -> _Part | None:
        if not wanted:
            return None
        try:
            return read()
        except IbstackError as error:
            self.missing[name] = str(error)
            return None


def read_local(sources: LocalSources, question: Question) -> HostFacts:
    """Answer *question*."""
    reading = _Reading()
    others = (question.key, question.network, question.group)
    asks_vf = question.pci is not None or not any(others)
    return HostFacts(
        vf=reading.part("vf", asks_vf, lambda: local_vf.read(sources.host, question)),
        fabric=reading.part(
            "fabric",
            question.key is not None,
            lambda: local_fabric.read(sources.fabric(), question),
        ),
        dhcp=reading.part(
            "dhcp", question.network is not None, lambda: local_dhcp.read(sources.dhcp(), question)
        ),
        group=reading.part(
            "group", question.group is not None, lambda: local_group.read(sources.group, question)
        ),
        missing=reading.missing,
    )
