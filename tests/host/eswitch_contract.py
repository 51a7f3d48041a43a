# SPDX-License-Identifier: Apache-2.0
"""What an eswitch does for the agent, by whichever way it is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput, Refused, TryLater
from ibstack.host.client.eswitch_client import EswitchUnreachable
from ibstack.host.client.observed import AttachmentState
from ibstack_lab.topology import PHYSICAL_NETWORK
from one_adapter import ABSENT, BLUE, GUID, MACS, RED

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.host.client.eswitch_client import EswitchClient
    from ibstack.host.client.observed import ObservedAttachment, ObservedVf
    from one_adapter import OneAdapter

MAC = MACS[0]


@dataclass
class Bench:
    """One adapter, and who is asked about it."""

    adapter: OneAdapter
    client: EswitchClient
    stop: Callable[[], None]
    restart: Callable[[], None]

    def vf(self, number: int) -> ObservedVf:
        (adapter,) = self.client.read().adapters
        return next(vf for vf in adapter.vfs if vf.number == number)

    @property
    def attachments(self) -> list[ObservedAttachment]:
        return list(self.client.read().attachments)


class EswitchContract(ABC):
    """Each test has an adapter of its own."""

    @pytest.fixture
    @abstractmethod
    def bench(self) -> Bench: ...

    def test_a_vf_is_attached_configured_and_detached(self, bench: Bench) -> None:
        pci = bench.adapter.pci(0)
        attached = bench.client.attach(PHYSICAL_NETWORK, MAC, pci)
        assert attached.state is AttachmentState.PENDING

        assert bench.client.configure(pci, MAC, RED, link_up=True) > 0
        assert bench.client.configure(pci, MAC, RED, link_up=True) == 0
        assert (bench.vf(0).guid, bench.vf(0).entry) == (GUID, RED)
        (one,) = bench.attachments
        assert (one.mac, one.pci, one.state) == (MAC, pci, AttachmentState.PROGRAMMED)

        assert bench.client.detach(PHYSICAL_NETWORK, MAC) is True
        assert bench.client.detach(PHYSICAL_NETWORK, MAC) is False
        assert bench.vf(0).entry is None
        assert bench.attachments == []

    def test_a_vf_without_a_port_is_taken_off_and_may_come_back(self, bench: Bench) -> None:
        pci = bench.adapter.pci(0)
        bench.client.attach(PHYSICAL_NETWORK, MAC, pci)
        bench.client.configure(pci, MAC, RED, link_up=True)

        assert bench.client.disown(pci, MAC, left=False) > 0
        assert bench.vf(0).entry is None
        bench.client.configure(pci, MAC, BLUE, link_up=True)
        assert bench.vf(0).entry == BLUE

    def test_what_cannot_be_done_says_of_which_kind_it_is(self, bench: Bench) -> None:
        pci = bench.adapter.pci(0)
        with pytest.raises(Refused):
            bench.client.configure(pci, MAC, RED, link_up=True)
        with pytest.raises(BadInput):
            bench.client.attach(PHYSICAL_NETWORK, "no mac", pci)
        bench.client.attach(PHYSICAL_NETWORK, MAC, pci)
        with pytest.raises(TryLater, match=str(ABSENT)):
            bench.client.configure(pci, MAC, ABSENT, link_up=True)

    def test_what_is_attached_is_there_after_a_restart(self, bench: Bench) -> None:
        pci = bench.adapter.pci(0)
        bench.client.attach(PHYSICAL_NETWORK, MAC, pci)
        bench.client.configure(pci, MAC, RED, link_up=True)

        bench.restart()

        (one,) = bench.attachments
        assert (one.mac, one.pci) == (MAC, pci)
        assert bench.vf(0).entry == RED

    def test_one_that_does_not_run_is_unreachable(self, bench: Bench) -> None:
        bench.stop()

        with pytest.raises(EswitchUnreachable):
            bench.client.read()

    def test_a_change_moves_the_sequence(self, bench: Bench) -> None:
        before = bench.client.watch(-1, wait_s=0)
        assert bench.client.watch(before, wait_s=0) == before
        bench.client.attach(PHYSICAL_NETWORK, MAC, bench.adapter.pci(0))

        assert bench.client.watch(before, wait_s=0) != before
