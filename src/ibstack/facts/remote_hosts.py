# SPDX-License-Identifier: Apache-2.0
"""The files of many hosts at once, by the transport that reaches the cluster's hosts.

That way reads files and no more, so what commands show of these hosts stays unknown: `--write` on
each of them tells that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import CMDLINE, NO_SUCH_FILE, Evidence, Missing
from ibstack.facts.fabric.groups import sa_dump_name
from ibstack.facts.opensm_files import has_subnet_manager, partitions_name
from ibstack.facts.this_host import COMMANDS, FILES
from ibstack.transport.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack.transport.query import Observation
    from ibstack.transport.transport import HostTransport

# By name, for folders cannot be listed: those that the cluster writes.
_NAMED: Final = (
    "etc/modprobe.d/mlx4_core.conf",
    "etc/modprobe.d/mlx4_ib.conf",
    "etc/udev/rules.d/90-ibstack-virtual-functions.rules",
)
_NAMES: Final = (*(name for name in FILES if name != CMDLINE), *_NAMED)
_NO_COMMANDS: Final = "the cluster's way to its hosts reads files; see `--write`"


def read_hosts(hosts: HostTransport, names: Iterable[str]) -> dict[str, Evidence]:
    """Return what each host shows; of one that is not up, that it is not."""
    paths = tuple(PurePosixPath(f"/{name}") for name in _NAMES)
    asked = {name: Query(files=paths, linked=True, running=True) for name in names}
    found = {name: Evidence(name, _texts(seen)) for name, seen in hosts.query(asked).items()}
    # Where these lie, the first look tells.
    others = {name: _others(host) for name, host in found.items()}
    again = {
        name: Query(files=tuple(PurePosixPath(f"/{file}") for file in files), linked=True)
        for name, files in others.items()
        if files
    }
    for name, seen in hosts.query(again).items() if again else ():
        gone = Missing(seen.why or "it has gone away")
        more = {file: _text(seen, file) if seen.up else gone for file in others[name]}
        found[name] = replace(found[name], texts={**found[name].texts, **more})
    return found


def _others(host: Evidence) -> list[str]:
    """Return the names of a subnet manager's files that are still to be read."""
    names = [partitions_name(host)]
    names += [sa_dump_name(host)] if has_subnet_manager(host) else []
    return [name for name in names if name not in host.texts]


def _texts(seen: Observation) -> Mapping[str, str | Missing]:
    if not seen.up:
        away = Missing(seen.why or f"it is {seen.state or 'not known to be up'}")
        return dict.fromkeys((*_NAMES, CMDLINE, *COMMANDS), away)
    texts: dict[str, str | Missing] = dict.fromkeys(COMMANDS, Missing(_NO_COMMANDS))
    texts |= {name: _text(seen, name) for name in _NAMES}
    words = seen.running.kernel_command_line
    texts[CMDLINE] = Missing("the host did not say") if words is None else words
    return texts


def _text(seen: Observation, name: str) -> str | Missing:
    path = PurePosixPath(f"/{name}")
    if path in seen.files.failures:
        return Missing(seen.files.failures[path])
    content = seen.files.contents.get(path)
    if content is None:
        return NO_SUCH_FILE if path in seen.files.contents else Missing(NO_SUCH_FILE.why)
    return content.decode(errors="replace")
