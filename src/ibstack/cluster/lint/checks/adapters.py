# SPDX-License-Identifier: Apache-2.0
"""Options of the adapter's driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.finding import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration

_FOLDER: Final = "/etc/modprobe.d/"
_OPTION: Final = re.compile(r"(\w+)=(\S+)")
_NONE: Final = ("", Place(""))


def guids_by_the_subnet_manager(cloud: Cloud) -> Iterator[Finding]:
    """Yield hosts with VFs of mlx4 whose GUIDs the subnet manager gives."""
    for host in cloud.hosts:
        made, core = module_option(host, "mlx4_core", "num_vfs")
        given, place = module_option(host, "mlx4_ib", "sm_guid_assign")
        if made.strip("0,;") and given != "0":
            yield Finding(
                "guids-by-the-subnet-manager",
                place if given else core,
                "mlx4_ib sm_guid_assign",
                given or "(not set, which is 1 in older drivers)",
                "the subnet manager replaces the GUIDs of VFs, and Neutron's ports are admitted by"
                " those that the host gave them",
                "write `options mlx4_ib sm_guid_assign=0`",
                core,
                f"num_vfs={made}",
            )


def module_option(host: HostConfiguration, module: str, key: str) -> tuple[str, Place]:
    """Return a module's option, the last one that counts, and where; empty for none."""
    found = _NONE
    for path in sorted(host.files):
        if path.startswith(_FOLDER) and path.endswith(".conf"):
            for place, line in host.files[path].lines():
                words = line.split()
                if words[:2] == ["options", module]:
                    found = dict(_OPTION.findall(line)).get(key, found[0]), place
    return found if found[0] else _NONE
