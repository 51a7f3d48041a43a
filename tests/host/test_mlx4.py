# SPDX-License-Identifier: Apache-2.0
"""What only ConnectX-3 has: one P_Key table for all, and its own way to name functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.host.client.observed import Link
from one_adapter import ABSENT, GUID, RED, RED_LIMITED, OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VF = 1


@pytest.fixture
def mlx4() -> Iterator[OneAdapter]:
    with OneAdapter(Variant.MLX4) as made:
        yield made


def program(one: OneAdapter, entry: object) -> int:
    return one.adapter().program(one.pci(VF), VF, entry, link_up=True)  # type: ignore[arg-type]


def index_file(one: OneAdapter, virtual: int = 0) -> Path:
    return one.hardware.slave_folder(VF) / f"ports/1/pkey_idx/{virtual}"


def test_an_untouched_function_shows_what_it_can_reach(mlx4: OneAdapter) -> None:
    vf = mlx4.adapter().read_vf(mlx4.pci(VF), VF)

    assert (vf.index, str(vf.entry), vf.link) == (0, "0x7fff", Link.AUTO)
    assert vf.guid is not None, "the driver makes one up"


@pytest.mark.parametrize(("entry", "index"), [(RED, 4), (RED_LIMITED, 1)])
def test_an_entry_is_found_by_all_of_its_16_bits(
    mlx4: OneAdapter, entry: object, index: int
) -> None:
    program(mlx4, entry)

    assert mlx4.hardware.vf_index(VF) == index


def test_the_index_is_looked_up_again_when_the_table_was_packed_anew(mlx4: OneAdapter) -> None:
    program(mlx4, RED)
    mlx4.hardware.show_table((0x7FFF, 0x8001))
    assert mlx4.adapter().read_vf(mlx4.pci(VF), VF).entry is None

    assert program(mlx4, RED) == 2
    assert mlx4.hardware.vf_index(VF) == 1


def test_an_entry_that_is_not_there_yet_leaves_the_function_off(mlx4: OneAdapter) -> None:
    program(mlx4, RED)

    with pytest.raises(TryLater, match=r"0x8099.*does not hold it yet"):
        program(mlx4, ABSENT)
    assert index_file(mlx4).read_text() == "none\n"


def test_clearing_takes_partitions_away_before_the_guid(mlx4: OneAdapter) -> None:
    index_file(mlx4, 1).write_text("0\n")  # As networking-mlnx leaves it.
    index_file(mlx4, 126).write_text("4\n")
    (mlx4.hardware.slave_folder(VF) / "ports/1/enable_smi_admin").write_text("1\n")

    mlx4.adapter().clear(mlx4.pci(VF), VF)

    *partitions, smi, guid = mlx4.sysfs.writes
    assert all("pkey_idx" in path for path in partitions)
    assert len(partitions) == 3
    assert smi.endswith("enable_smi_admin")
    assert guid.endswith(f"admin_guids/{VF + 1}")
    assert {index_file(mlx4, n).read_text() for n in range(127)} == {"none\n"}


def test_a_guid_is_16_digits_and_is_read_back_without_leading_zeros(mlx4: OneAdapter) -> None:
    admin = mlx4.hardware.iov_port_folder / f"admin_guids/{VF + 1}"
    mlx4.adapter().set_guid(mlx4.pci(VF), VF, GUID)
    assert admin.read_text() == "fa163e0000000001\n"

    admin.write_text("2c90300000031\n")  # %llx
    guid = mlx4.adapter().read_vf(mlx4.pci(VF), VF).guid
    assert str(guid) == "0x0002c90300000031"


def test_a_write_that_the_driver_ignores_is_an_error(mlx4: OneAdapter) -> None:
    mlx4.sysfs.ignored.add(f"admin_guids/{VF + 1}")

    with pytest.raises(IbstackError, match="took the write and kept its value"):
        mlx4.adapter().set_guid(mlx4.pci(VF), VF, GUID)


def test_functions_whose_folder_has_a_name_that_is_no_address_are_found_by_number() -> None:
    with OneAdapter(Variant.MLX4, vfs=100) as one:
        assert one.hardware.slave_folder(99).name == "0000:05:12.4"
        assert str(one.pci(99)) == "0000:05:0c.4"

        one.adapter().program(one.pci(99), 99, RED, link_up=True)

        assert one.hardware.vf_index(99) == 4
        assert one.adapter().read_vf(one.pci(99), 99).entry == RED


def test_a_folder_is_believed_for_its_number_and_not_for_its_name(mlx4: OneAdapter) -> None:
    here = mlx4.hardware.slave_folder(VF)
    here.rename(here.with_name("0000:05:17.0"))
    swapped = mlx4.hardware.slave_folder(2)
    swapped.rename(here)  # The name that was expected now is another function's.

    program(mlx4, RED)

    assert (here.with_name("0000:05:17.0") / "ports/1/pkey_idx/0").read_text() == "4\n"
    assert (here / "ports/1/pkey_idx/0").read_text() == "0\n"


def test_an_adapter_without_functions_says_how_to_get_some(mlx4: OneAdapter) -> None:
    iov = mlx4.hardware.iov_port_folder.parents[1]
    iov.rename(iov.with_name("gone"))

    with pytest.raises(TryLater, match="num_vfs"):
        mlx4.adapter()
