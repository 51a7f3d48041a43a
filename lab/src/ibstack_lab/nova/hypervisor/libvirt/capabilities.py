# SPDX-License-Identifier: Apache-2.0
"""What a host of the lab says that it can do: https://libvirt.org/formatcaps.html.

One architecture and one machine type: nova asks for each that is there.
"""

from __future__ import annotations

import uuid
from typing import Final

CPUS: Final = 16
MEMORY_MIB: Final = 65536
MHZ: Final = 2400
ARCHITECTURE: Final = "x86_64"
_MACHINE: Final = "pc-i440fx-8.2"
_EMULATOR: Final = "/usr/bin/qemu-system-x86_64"
_KIB: Final = 1024
_PAGE_KIB: Final = 4
_BUSES: Final = ("ide", "scsi", "virtio", "usb", "sata")
_MODELS: Final = ("vga", "cirrus", "virtio")


def host(name: str) -> str:
    """Return the capabilities of host *name*: one socket, one NUMA node."""
    cpus = "".join(
        f"<cpu id='{n}' socket_id='0' die_id='0' core_id='{n}' siblings='{n}'/>"
        for n in range(CPUS)
    )
    memory = MEMORY_MIB * _KIB
    return f"""<capabilities>
<host><uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid>
<cpu><arch>{ARCHITECTURE}</arch><model>qemu64</model><vendor>AMD</vendor>
<topology sockets='1' dies='1' cores='{CPUS}' threads='1'/></cpu>
<topology><cells num='1'><cell id='0'><memory unit='KiB'>{memory}</memory>
<pages unit='KiB' size='{_PAGE_KIB}'>{memory // _PAGE_KIB}</pages>
<cpus num='{CPUS}'>{cpus}</cpus></cell></cells></topology></host>
<guest><os_type>hvm</os_type><arch name='{ARCHITECTURE}'><wordsize>64</wordsize>
<emulator>{_EMULATOR}</emulator>
<machine maxCpus='255'>{_MACHINE}</machine>
<machine canonical='{_MACHINE}' maxCpus='255'>pc</machine>
<domain type='qemu'/></arch></guest>
</capabilities>"""


def domains(architecture: str, kind: str) -> str:
    """Return what domains of *kind* (qemu) may have on such a host."""
    return f"""<domainCapabilities>
<path>{_EMULATOR}</path><domain>{kind}</domain><machine>{_MACHINE}</machine>
<arch>{architecture}</arch><vcpu max='255'/>
<os supported='yes'>{_enum("firmware")}<loader supported='yes'>{_enum("secure", "no")}</loader></os>
<cpu/>
<devices><disk supported='yes'>{_enum("bus", *_BUSES)}</disk>
<video supported='yes'>{_enum("modelType", *_MODELS)}</video></devices>
<features><sev supported='no'/></features>
</domainCapabilities>"""


def _enum(name: str, *values: str) -> str:
    return f"<enum name='{name}'>{''.join(f'<value>{v}</value>' for v in values)}</enum>"
