# SPDX-License-Identifier: Apache-2.0
"""One subnet manager is master, and another stands by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.mad import SmState
from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_REMEDIES: Final = {
    0: "start OpenSM on the SM hosts, and look at its log",
    1: "start OpenSM on a second SM host: without one nothing changes while the first is away",
    2: "give every subnet manager the same sm_key: those with another do not trust each other",
}
_SOURCE: Final = "SMInfo of each port with a subnet manager"


def _look(fabric: FabricLook) -> Iterator[Seen]:
    silent = [port for port in fabric.managers if port.sm_state is None]
    for port in silent:
        yield Seen(port.host, None, "its subnet manager does not answer", _SOURCE, str(port))
    states = [port.sm_state for port in fabric.managers]
    masters, standbys = states.count(SmState.MASTER), states.count(SmState.STANDBY)
    found = f"{masters} master, {standbys} standby"
    if silent and masters < 2:
        return
    remedy = _REMEDIES.get(masters, _REMEDIES[2])
    yield Seen("", masters == 1 and standbys > 0, found, _SOURCE, remedy=remedy)


RULE: Final = Rule(
    "one-master",
    "one subnet manager is master, and another stands by",
    "1 master, and a standby",
    _REMEDIES[1],
    on_fabric(_look),
)
