# SPDX-License-Identifier: Apache-2.0
"""What the DHCP agent plugs in the lab: IPoIB children on the lab's wires.

The driver is the one for real hosts but for its one method that needs a kernel with InfiniBand.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.neutron.agents.interface_driver import IpoibInterfaceDriver
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.guests.namespaces import Namespaces
from ibstack_lab.guests.partition_wires import StandsFor, add_wire, wire_name

if TYPE_CHECKING:
    from ibstack.fabric.partition import TableEntry

# neutron/agent/linux/interface.py, LinuxInterfaceDriver.get_device_name(): tap and the port's id.
_PREFIX: Final = IpoibInterfaceDriver.DEV_NAME_PREFIX


class LabIpoibInterfaceDriver(IpoibInterfaceDriver):
    """Makes a veth pair where the real driver makes a child of *parent*."""

    def make_link(self, parent: str, name: str, entry: TableEntry) -> None:
        """Make *name* in this process's namespace; it works as long as the table has the key."""
        # [ipoib] sysfs is DIR/hosts/<host>/sys in the lab in DIR.
        lab = Path(self.settings.sysfs).parents[2]
        host = Fabric.of_running_lab(lab).topology.host(self.conf.host)
        child = StandsFor(host.name, host.pf_pci, entry.partition)
        wire = wire_name(name.removeprefix(_PREFIX))
        add_wire(Namespaces(lab).wires, wire, child, (str(os.getpid()), name))
