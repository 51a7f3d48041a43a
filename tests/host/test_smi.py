# SPDX-License-Identifier: Apache-2.0
"""No guest of a ConnectX-3 gets QP0, with which it could act as a subnet manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack.formats.codec import from_json, to_json
from ibstack.host.client.observed import AttachmentState, ObservedHost
from one_adapter import MACS, OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack.host.client.observed import ObservedVf
    from ibstack.host.eswitchd.eswitch import Eswitch

VF = 1
NET, MAC = "ibhostnet", MACS[0]
FILES = ["enable_smi_admin", "smi_enabled"]


@pytest.fixture
def mlx4() -> Iterator[OneAdapter]:
    with OneAdapter(Variant.MLX4) as made:
        yield made


def smi_file(one: OneAdapter, name: str = "enable_smi_admin", number: int = VF) -> Path:
    return one.hardware.slave_folder(number) / "ports/1" / name


def vf(eswitch: Eswitch) -> ObservedVf:
    return eswitch.read().adapters[0].vfs[VF]


@pytest.mark.parametrize("name", FILES)
def test_a_function_that_may_act_as_a_subnet_manager_shows_it(mlx4: OneAdapter, name: str) -> None:
    assert mlx4.adapter().read_vf(mlx4.pci(VF), VF).smi is False

    smi_file(mlx4, name).write_text("1\n")

    assert mlx4.adapter().read_vf(mlx4.pci(VF), VF).smi is True


def test_a_kernel_that_does_not_say_who_may_act_as_a_subnet_manager_is_served(
    mlx4: OneAdapter,
) -> None:
    smi_file(mlx4).unlink()
    smi_file(mlx4, "smi_enabled").unlink()

    assert mlx4.adapter().clear(mlx4.pci(VF), VF) > 0
    assert mlx4.adapter().read_vf(mlx4.pci(VF), VF).smi is None


@pytest.mark.parametrize("kind", ["ignored", "refused"])
def test_a_function_that_stays_able_to_act_as_a_subnet_manager_is_not_cleared(
    mlx4: OneAdapter, kind: str
) -> None:
    smi_file(mlx4).write_text("1\n")
    getattr(mlx4.sysfs, kind).add("enable_smi_admin")

    with pytest.raises(IbstackError, match=r"cannot keep VF 0000:05:00\.2 from sending subnet man"):
        mlx4.adapter().clear(mlx4.pci(VF), VF)


def test_it_is_not_given_out_until_it_can_be_cleared(mlx4: OneAdapter) -> None:
    smi_file(mlx4).write_text("1\n")
    mlx4.sysfs.refused.add("enable_smi_admin")
    eswitch = mlx4.start()

    with pytest.raises(IbstackError, match=r"cannot keep VF .*Invalid argument"):
        eswitch.attach(NET, MAC, mlx4.pci(VF), 0)
    eswitch.reconcile()

    assert vf(eswitch).guid != Guid.from_mac(MAC), "so no partition can follow"
    (attachment,) = eswitch.read().attachments
    assert attachment.state is AttachmentState.PENDING
    assert "subnet management datagrams" in str(attachment.why)
    (problem,) = eswitch.read().problems
    assert str(mlx4.pci(VF)) in problem

    mlx4.sysfs.refused.clear()
    eswitch.reconcile()

    assert vf(eswitch).guid == Guid.from_mac(MAC)
    assert eswitch.read().problems == ()


@pytest.mark.parametrize("name", FILES)
def test_an_instance_that_may_act_as_a_subnet_manager_is_named(mlx4: OneAdapter, name: str) -> None:
    eswitch = mlx4.start()
    eswitch.attach(NET, MAC, mlx4.pci(VF), 0)
    smi_file(mlx4, name, number=2).write_text("1\n")
    assert eswitch.read().problems == (), "one that nobody has is set right when it is given out"

    smi_file(mlx4, name).write_text("1\n")

    (problem,) = eswitch.read().problems
    assert problem.startswith(f"VF {mlx4.pci(VF)} of {MAC} may send subnet management datagrams")
    told = from_json(ObservedHost, to_json(eswitch.read()))
    assert told.adapters[0].vfs[VF].smi is True
    assert told.problems == (problem,)
