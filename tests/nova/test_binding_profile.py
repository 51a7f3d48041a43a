# SPDX-License-Identifier: Apache-2.0
"""The lab and the benchmarks say of a VF what nova itself would write into `binding:profile`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.neutron.server.desired import stored_pci_slot
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.topology import PHYSICAL_NETWORK, Host

# In a process of its own, as in tests/nova/nova_compute.py.
NOVA = """
import json, sys
from nova import objects
from nova.network import neutron
from nova.pci import whitelist
asked = json.load(sys.stdin)
objects.register_all()
api = neutron.API.__new__(neutron.API)
api.pci_whitelist = whitelist.Whitelist([json.dumps(asked["spec"])])
device = objects.PciDevice(
    address=asked["address"], vendor_id="15b3", product_id=asked["spec"]["product_id"],
    dev_type="type-VF", parent_addr="0000:05:00.0", compute_node_id=1, id=1,
    extra_info={"capabilities": json.dumps({"sriov": asked["sriov"]})},
)
print(json.dumps(api._get_pci_device_profile(device)))
"""


@pytest.mark.parametrize(
    ("kind", "product"), [(AdapterKind.MLX4, "1004"), (AdapterKind.MLX5, "101c")]
)
def test_the_profile_is_the_one_that_nova_writes(kind: AdapterKind, product: str) -> None:
    host = Host("node002", Guid(0x0002C90300000030), kind, vfs=16)
    ours = nova_profile(host, 9)
    spec = {"vendor_id": "15b3", "product_id": product, "physical_network": PHYSICAL_NETWORK}
    sriov = {"pf_mac_address": ours["pf_mac_address"], "vf_num": ours["vf_num"]}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NOVA],
        input=json.dumps({"address": "0000:05:01.2", "spec": spec, "sriov": sriov}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ours
    assert stored_pci_slot(done.stdout) == "0000:05:01.2"
