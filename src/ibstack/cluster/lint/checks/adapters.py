# SPDX-License-Identifier: Apache-2.0
"""Options of the adapter's driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.finding import Finding, Place
from ibstack.formats import mlx4_options
from ibstack.formats.modprobe_options import options_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration


def guids_by_the_subnet_manager(cloud: Cloud) -> Iterator[Finding]:
    """Yield hosts with VFs of mlx4 whose GUIDs the subnet manager gives."""
    for host in cloud.hosts:
        made, core = module_option(host, "mlx4_core", "num_vfs")
        given, place = module_option(host, "mlx4_ib", "sm_guid_assign")
        if makes_vfs(made) and not _is_zero(given):
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


def makes_vfs(num_vfs: str) -> bool:
    """Tell whether a value of num_vfs makes any; one that is not understood may."""
    numbers = mlx4_options.parse(num_vfs)
    if numbers is None:
        return bool(num_vfs)
    return any(numbers.common or ()) or any(map(any, numbers.addressed.values()))


def module_option(host: HostConfiguration, module: str, key: str) -> tuple[str, Place]:
    """Return a module's option, as modprobe gives it, and where; empty for none."""
    option = options_of(texts(host), module).get(key)
    if option is None or not option.value:
        return "", Place("")
    return option.value, host.files[option.file].at_line(option.line)


def texts(host: HostConfiguration) -> dict[str, str]:
    """Return the files' texts by path, as the readers of `formats` take them."""
    return {path: file.content.decode(errors="replace") for path, file in host.files.items()}


def _is_zero(value: str) -> bool:
    try:
        return int(value, 0) == 0
    except ValueError:
        return False
