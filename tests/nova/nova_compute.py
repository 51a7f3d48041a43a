# SPDX-License-Identifier: Apache-2.0
"""A process that does with a VIF what nova-compute does: nova's own driver, and nothing else.

Reads one request as JSON from each line of its input, and answers each with a line.  It is a
process of its own since nova brings eventlet, and its own PATH is where it finds ebrctl.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import nova.conf
import nova.privsep
from nova.network import model
from nova.virt.libvirt import config as libvirt_config
from nova.virt.libvirt import vif as libvirt_vif

from nova import objects  # type: ignore[attr-defined]  # mypy takes tests/nova.

Json = dict[str, Any]


class Said(logging.Handler):
    """Keeps what nova logs, with the trace of exceptions."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def take(self) -> list[str]:
        taken, self.lines = self.lines, []
        return taken


def vif_of(port: Json) -> model.VIF:
    """Return *port* as nova keeps it in its cache of network information."""
    network = model.Network(
        id="7c5e1a8e-0000-4000-8000-000000000001",
        label="ibnetwork",
        meta={"physical_network": port["physical_network"], "tunneled": False},
    )
    return model.VIF(
        id=port["id"],
        address=port["mac"],
        network=network,
        type=model.VIF_TYPE_IB_HOSTDEV,
        vnic_type=model.VNIC_TYPE_DIRECT,
        details={"physical_network": port["physical_network"], "connectivity": "l2"},
        profile={
            "pci_slot": port["pci"],
            "pci_vendor_info": "15b3:1004",
            "physical_network": port["physical_network"],
        },
    )


def domain_of(device: libvirt_config.LibvirtConfigObject) -> str:
    """Return a whole domain, the smallest that nova would define, with *device* in it."""
    guest = libvirt_config.LibvirtConfigGuest()
    guest.virt_type = "kvm"
    guest.uuid = "b38a3f43-4be2-4046-897f-b67c2f5e0147"
    guest.name = "vnode001"
    guest.memory = 1024 * 1024
    guest.vcpus = 1
    guest.os_type = "hvm"
    guest.add_device(device)
    return str(guest.to_xml())


def answer(driver: libvirt_vif.LibvirtGenericVIFDriver, request: Json) -> str | None:
    vif = vif_of(request["port"])
    instance = objects.Instance(uuid="b38a3f43-4be2-4046-897f-b67c2f5e0147", id=1)
    if request["verb"] == "domain":
        return domain_of(driver.get_config(instance, vif, None, None, "kvm"))
    getattr(driver, request["verb"])(instance, vif)
    return None


def main() -> None:
    nova.conf.CONF([], project="nova", default_config_files=[])
    # What nova-compute asks its root helper to do is done here: the tests are root themselves.
    nova.privsep.sys_admin_pctxt.set_client_mode(False)
    objects.register_all()
    said = Said()
    logging.getLogger().addHandler(said)
    driver = libvirt_vif.LibvirtGenericVIFDriver()
    for line in sys.stdin:
        result = answer(driver, json.loads(line))
        print(json.dumps({"result": result, "said": said.take()}), flush=True)


if __name__ == "__main__":
    main()
