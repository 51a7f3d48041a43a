# SPDX-License-Identifier: Apache-2.0
"""The files of many hosts at once, by the way in which the cluster reaches its hosts.

That way reads files and no more, so what commands show of these hosts stays unknown: `--write` on
each of them tells that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ibstack.cluster.hosts.look import Look
from ibstack.verify.evidence import CMDLINE, Evidence, Unread
from ibstack.verify.opensm_files import partitions_name
from ibstack.verify.this_host import COMMANDS, FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack.cluster.hosts.hosts import Hosts
    from ibstack.cluster.hosts.look import Seen

# By name, for folders cannot be listed: those that the cluster writes.
_NAMED: Final = (
    "etc/modprobe.d/mlx4_core.conf",
    "etc/modprobe.d/mlx4_ib.conf",
    "etc/udev/rules.d/90-ibstack-virtual-functions.rules",
)
_NAMES: Final = (*(name for name in FILES if name != CMDLINE), *_NAMED)
_NO_COMMANDS: Final = "the cluster's way to its hosts reads files; see `--write`"


def read_hosts(hosts: Hosts, names: Iterable[str]) -> dict[str, Evidence]:
    """Return what each host shows; of one that is not up, that it is not."""
    paths = tuple(PurePosixPath(f"/{name}") for name in _NAMES)
    asked = {name: Look(files=paths, running=True) for name in names}
    found = {name: Evidence(name, _texts(seen)) for name, seen in hosts.look(asked).items()}
    # Where a partitions file lies, the first look tells.
    others = {name: partitions_name(host) for name, host in found.items()}
    others = {name: file for name, file in others.items() if file not in found[name].texts}
    again = {name: Look(files=(PurePosixPath(f"/{file}"),)) for name, file in others.items()}
    for name, seen in hosts.look(again).items() if again else ():
        text = _text(seen, others[name]) if seen.up else Unread(seen.why or "it has gone away")
        texts = {**found[name].texts, others[name]: text}
        found[name] = replace(found[name], texts=texts)
    return found


def _texts(seen: Seen) -> Mapping[str, str | Unread]:
    if not seen.up:
        away = Unread(seen.why or f"it is {seen.state or 'not known to be up'}")
        return dict.fromkeys((*_NAMES, CMDLINE, *COMMANDS), away)
    texts: dict[str, str | Unread] = dict.fromkeys(COMMANDS, Unread(_NO_COMMANDS))
    texts |= {name: _text(seen, name) for name in _NAMES}
    words = seen.running.kernel_command_line
    texts[CMDLINE] = Unread("the host did not say") if words is None else words
    return texts


def _text(seen: Seen, name: str) -> str | Unread:
    path = PurePosixPath(f"/{name}")
    if path in seen.files.failures:
        return Unread(seen.files.failures[path])
    content = seen.files.contents.get(path)
    if content is None:
        return Unread("there is no such file", absent=path in seen.files.contents)
    return content.decode(errors="replace")
