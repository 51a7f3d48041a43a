# SPDX-License-Identifier: Apache-2.0
"""What a commit means for hosts where there is no way to them: by what the store says.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.host_changes import host_changes
from ibstack.formats.nodeset import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.host_changes import HostChange

_NOT_LOOKED_AT: Final = (
    "Hosts were not looked at, for no way to them is set ([hosts] reach): what they have now may"
    " differ from what was committed last"
)


def planned_unseen(before: State, after: State) -> list[str]:
    """Return a line for each thing that hosts would get; none where no host gets anything."""
    lines: dict[str, list[str]] = {}
    for change in host_changes(before, after):
        for line in _planned(change):
            lines.setdefault(line, []).append(change.host)
    found = [f"{folded(hosts)}: {line}" for line, hosts in lines.items()]
    return [*found, _NOT_LOOKED_AT] if found else []


def _planned(change: HostChange) -> Iterator[str]:
    readers: dict[str, None] = {}
    reasons = list(change.restart)
    for path, file in change.files.items():
        yield f"write {path}"
        readers |= dict.fromkeys(file.services)
        if file.needs_reboot:
            reasons.append(str(path))
    for path, file in change.gone.items():
        if not file.stays:
            yield f"remove {path}"
            readers |= dict.fromkeys(file.services)
    yield from (f"stop {name}" for name in change.stop)
    yield from (f"restart {name}, where it runs" for name in readers if name not in change.stop)
    yield from (f"start {name}" for name in change.start)
    if reasons:
        yield f"restart-required: {', '.join(reasons)}"
