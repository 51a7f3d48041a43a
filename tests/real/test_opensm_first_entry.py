# SPDX-License-Identifier: Apache-2.0
"""Where a virtual port has its tenant's key: at index 0, since its guest's ib0 looks nowhere else.

OpenSM gives index 0 to the default partition (indx0), and to a later statement that says indx0.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.mad import FabricReader, NotKnown
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, render
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from ibstack_lab.fabric.simulated import Fabric

pytestmark = pytest.mark.real

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
VF = Guid(0xFA163E0000AABBCC)
MLX5 = ARTICLE.host("node003")
SHARED = ARTICLE.host("node002").port_guid
LIMITED_DEFAULT = "0x7fff"
WITHIN_S = 10


def partition(key: PartitionKey, *guids: Guid) -> dict[PartitionKey, Partition]:
    return {key: Partition(key, dict.fromkeys(guids, Membership.FULL))}


def publish(fabric: Fabric, file: PartitionsFile) -> None:
    path = fabric.partitions_conf("head")
    fresh = path.with_suffix(".fresh")
    fresh.write_text(render(file))
    fresh.replace(path)
    OpenSmProcesses(path).reload()


def table(fabric: Fabric, port: Guid) -> list[str]:
    with closing(Attachment(fabric, "head")) as attachment:
        reader = FabricReader(attachment)
        ports = reader.discover().ports
        if port not in ports:
            return []
        held = reader.pkey_tables([ports[port]])[port]
    assert not isinstance(held, NotKnown)
    return [str(entry) for entry in held if entry]


def wait_for_table(fabric: Fabric, port: Guid, wanted: list[str]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while (found := table(fabric, port)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_virtual_port_has_its_tenants_key_at_index_0_and_a_shared_port_its_own_default(
    fabric: Fabric,
) -> None:
    red = PartitionsFile(PROOF_KEYS[0], partition(RED, VF, SHARED), first=frozenset({VF}))
    fabric.set_guid(MLX5.vf_node(0), VF)
    fabric.link(MLX5.vf_node(0))

    publish(fabric, red)
    wait_for_table(fabric, VF, ["0x8101", LIMITED_DEFAULT])
    wait_for_table(fabric, SHARED, [LIMITED_DEFAULT, "0x8101"])

    publish(fabric, PartitionsFile(PROOF_KEYS[1]))
    wait_for_table(fabric, VF, [LIMITED_DEFAULT])

    blue = PartitionsFile(PROOF_KEYS[2], partition(BLUE, VF), first=frozenset({VF}))
    publish(fabric, blue)
    wait_for_table(fabric, VF, ["0x8102", LIMITED_DEFAULT])


def test_a_key_that_was_elsewhere_moves_to_index_0(fabric: Fabric) -> None:
    fabric.set_guid(MLX5.vf_node(0), VF)
    fabric.link(MLX5.vf_node(0))
    publish(fabric, PartitionsFile(PROOF_KEYS[0], partition(RED, VF)))
    wait_for_table(fabric, VF, [LIMITED_DEFAULT, "0x8101"])

    publish(fabric, PartitionsFile(PROOF_KEYS[1], partition(RED, VF), first=frozenset({VF})))

    wait_for_table(fabric, VF, ["0x8101", LIMITED_DEFAULT])
