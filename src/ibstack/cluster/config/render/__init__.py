# SPDX-License-Identifier: Apache-2.0
"""What a host's configuration files are, by its roles, the fabrics and the networks.  Pure.

A new file is one module beside this one, with `files(host)` (and `INI_PATHS`, where it has ini
files), and one line here.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render import (
    adapter_driver,
    broker,
    host_daemons,
    ml2_conf,
    neutron_agents,
    node_groups,
    subnet_manager_host,
)
from ibstack.cluster.config.render.host import Host, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.model.state import View

_RENDERERS: Final[tuple[ModuleType, ...]] = (
    *(ml2_conf, neutron_agents, host_daemons, adapter_driver),
    *(subnet_manager_host, node_groups, broker),
)


def files_of(view: View, device: str) -> dict[PurePosixPath, GeneratedFile]:
    """Return the files that *device* is to have, by path and in the order of paths.

    BadValue for values that no file can say, such as a key range that is none; the checks of the
    model refuse them before.
    """
    return _files(Host(Site(view), device))


def files_of_all(
    view: View, devices: Iterable[str]
) -> Iterator[tuple[str, dict[PurePosixPath, GeneratedFile]]]:
    """Yield each device with its files, much quicker than one by one; *view* must not change."""
    site = Site(view)
    for device in devices:
        yield device, _files(Host(site, device))


def unmodified_files(view: View, device: str) -> dict[PurePosixPath, GeneratedFile]:
    """Return the files of *device* as they are without config file modifications."""
    return _files(Host(Site(view, modified=False), device))


def ini_paths() -> tuple[PurePosixPath, ...]:
    """Return every path at which an ini file may be generated, on whatever host."""
    return tuple(
        PurePosixPath(path) for each in _RENDERERS for path in getattr(each, "INI_PATHS", ())
    )


def _files(host: Host) -> dict[PurePosixPath, GeneratedFile]:
    found = (file for renderer in _RENDERERS for file in _rendered(renderer, host))
    return {file.path: file for file in sorted(found, key=_path)}


def _rendered(renderer: ModuleType, host: Host) -> tuple[GeneratedFile, ...]:
    key = (renderer, *host.alike) if host.alike else ()
    found = host.site.written.get(key) if key else None
    if found is None:
        host.told_own = False
        found = tuple(renderer.files(host))
        if key and not host.told_own:
            host.site.written[key] = found
    return found


def _path(file: GeneratedFile) -> str:
    return str(file.path)
