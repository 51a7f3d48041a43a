# SPDX-License-Identifier: Apache-2.0
"""network_vlan_ranges is read as Neutron reads it, entry by entry."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from neutron_lib import exceptions
from neutron_lib.plugins import utils

from ibstack.formats.vlan_ranges import parse_range

numbers = st.sampled_from(["0", "1", "7", "4094", "4095", "-1", "x", "", " 2", "0x3", "1_0"])
entries = st.one_of(
    st.sampled_from(["a", " a ", "a:", "a:1", "a:1:2:3", ":1:2", "a: 1:2 "]),
    st.builds("{}:{}:{}".format, st.sampled_from(["a", "b c", ""]), numbers, numbers),
)


@given(entries)
@example("a:7:1")
def test_an_entry_means_what_neutron_takes_it_for(entry: str) -> None:
    found = parse_range(entry)
    try:
        judge = utils.parse_network_vlan_ranges([entry])
    except (exceptions.NetworkVlanRangeError, exceptions.PhysicalNetworkNameError):
        assert found is None
        return
    assert found is not None
    assert list(judge) == [found.physical_network]
    assert found.limits is None or judge == {found.physical_network: [found.limits]}
