# SPDX-License-Identifier: Apache-2.0
"""What every kind of adapter has to do, run on all three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.fabric.guid import Guid
from ibstack.formats.codec import from_json, to_json
from ibstack.host.adapters.physical_function import find
from ibstack.host.client.observed import Link, ObservedAdapter
from one_adapter import BLUE, GUID, OTHER_GUID, RED, OneAdapter, Variant

if TYPE_CHECKING:
    from ibstack.host.client.observed import ObservedVf

VF = 2


def seen(one: OneAdapter, number: int = VF) -> ObservedVf:
    return one.adapter().read_vf(one.pci(number), number)


def others(one: OneAdapter) -> list[ObservedVf]:
    return [seen(one, number) for number in range(one.host.vfs) if number != VF]


def test_functions_are_numbered_as_the_kernel_numbers_them(one: OneAdapter) -> None:
    assert one.adapter().vfs() == {one.pci(number): number for number in range(4)}


def test_an_adapter_is_read_whole(one: OneAdapter) -> None:
    adapter = one.adapter().read("ibhostnet")

    assert (adapter.physical_network, adapter.interface, adapter.port) == ("ibhostnet", "ib0", 1)
    assert (adapter.port_guid, adapter.port_state) == (one.host.port_guid, "active")
    assert adapter.pci == one.host.pf_pci
    assert [vf.pci for vf in adapter.vfs] == [one.pci(number) for number in range(4)]
    assert from_json(ObservedAdapter, to_json(adapter)) == adapter


def test_a_cleared_function_has_no_guid_and_no_partition(one: OneAdapter) -> None:
    adapter = one.adapter()
    adapter.clear(one.pci(VF), VF)
    adapter.set_guid(one.pci(VF), VF, GUID)
    adapter.program(one.pci(VF), VF, RED, link_up=True)

    assert adapter.clear(one.pci(VF), VF) > 0
    assert (seen(one).guid, seen(one).entry, seen(one).link) == (None, None, Link.DOWN)


def test_a_guid_alone_brings_no_partition(one: OneAdapter) -> None:
    one.adapter().clear(one.pci(VF), VF)
    one.adapter().set_guid(one.pci(VF), VF, GUID)

    assert (seen(one).guid, seen(one).entry, seen(one).link) == (GUID, None, Link.DOWN)


def test_a_programmed_function_is_up(one: OneAdapter) -> None:
    adapter = one.adapter()
    adapter.clear(one.pci(VF), VF)
    adapter.set_guid(one.pci(VF), VF, GUID)

    assert adapter.program(one.pci(VF), VF, RED, link_up=True) > 0
    assert (seen(one).guid, seen(one).link) == (GUID, Link.AUTO)


@pytest.mark.parametrize(("entry", "link_up"), [(None, True), (RED, False), (None, False)])
def test_a_function_that_is_off_is_down(one: OneAdapter, entry: None, link_up: bool) -> None:
    one.adapter().program(one.pci(VF), VF, RED, link_up=True)
    one.adapter().program(one.pci(VF), VF, entry, link_up=link_up)

    assert (seen(one).entry, seen(one).link) == (None, Link.DOWN)


def test_doing_it_twice_writes_nothing(one: OneAdapter) -> None:
    adapter, pci = one.adapter(), one.pci(VF)
    adapter.clear(pci, VF)
    assert adapter.clear(pci, VF) == 0

    adapter.set_guid(pci, VF, GUID)
    assert adapter.set_guid(pci, VF, GUID) == 0

    adapter.program(pci, VF, BLUE, link_up=True)
    assert adapter.program(pci, VF, BLUE, link_up=True) == 0


def test_a_function_that_is_not_there_is_for_later(one: OneAdapter) -> None:
    with pytest.raises(TryLater):
        one.adapter().clear(one.pci(9), 9)


STEPS = st.one_of(
    st.just(("clear", None)),
    st.tuples(st.just("guid"), st.sampled_from([GUID, OTHER_GUID])),
    st.tuples(st.just("program"), st.sampled_from([RED, BLUE, None])),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(variant=st.sampled_from(Variant), steps=st.lists(STEPS, max_size=8))
def test_any_way_leads_to_what_was_asked_last(
    trees: dict[Variant, OneAdapter], variant: Variant, steps: list[tuple[str, object]]
) -> None:
    one = trees[variant]
    adapter, pci = one.adapter(), one.pci(VF)
    adapter.clear(pci, VF)
    before = others(one)
    guid, is_up = None, False
    for step, value in steps:
        if step == "clear":
            adapter.clear(pci, VF)
            guid, is_up = None, False
        elif isinstance(value, Guid):
            adapter.set_guid(pci, VF, value)
            guid = value
        else:
            adapter.program(pci, VF, value, link_up=True)  # type: ignore[arg-type]
            is_up = value is not None
    assert seen(one).guid == guid
    assert (seen(one).link is Link.AUTO) is is_up
    assert others(one) == before, "only the function that was named is touched"


@pytest.fixture(scope="module")
def trees() -> object:
    made = {variant: OneAdapter(variant) for variant in Variant}
    for one in made.values():
        one.__enter__()
    yield made
    for one in made.values():
        one.__exit__(None, None, None)


def test_an_interface_that_is_missing_is_named_with_what_there_is(one: OneAdapter) -> None:
    with pytest.raises(BadInput, match=r"no interface ib7 on this host; .*: ib0"):
        one.adapters().open("ib7")


def test_an_interface_that_is_no_infiniband_port_is_refused(one: OneAdapter) -> None:
    (one.hardware.root / "class/net/eth0").mkdir()

    with pytest.raises(BadInput, match="eth0 is no port of an InfiniBand adapter"):
        one.adapters().open("eth0")


def test_an_adapter_of_another_driver_is_refused(one: OneAdapter) -> None:
    driver = one.hardware.pf_folder / "driver"
    driver.unlink()
    driver.symlink_to("../../../../bus/pci/drivers/hfi1")

    with pytest.raises(BadInput, match="driven by hfi1"):
        one.adapter()


@pytest.mark.parametrize(
    ("dev_id", "dev_port", "port"), [("0x1", "1", 2), ("0x1", "0", 2), ("0x0", "0", 1)]
)
def test_the_second_port_is_found_on_kernels_old_and_new(
    one: OneAdapter, dev_id: str, dev_port: str, port: int
) -> None:
    interface = one.hardware.root / "class/net/ib0"
    (interface / "dev_id").write_text(dev_id + "\n")
    (interface / "dev_port").write_text(dev_port + "\n")

    assert find(one.sysfs, "ib0").port == port
