# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the settings of a cloud's message broker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.problem import error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.problem import Problem
    from ibstack.cluster.model.state import Draft, State

# They become words of a shell, of URLs and of ini files.
_PATH: Final = re.compile(r"(?:/[-+_.a-zA-Z0-9]+)+")
_NODE: Final = re.compile(r"(?:[a-zA-Z0-9][-.a-zA-Z0-9]*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_NAME: Final = re.compile(r"[-.\w]+", re.ASCII)
_VIRTUAL_HOST: Final = re.compile(r"/|[-./\w]+", re.ASCII)

_PASSWORDS: Final = ("serverpasswordfile", "agentpasswordfile", "fabricdpasswordfile")
_TEXTS: Final = (
    *((name, _PATH, "no absolute path of plain names") for name in (*_PASSWORDS, "answerkeyfile")),
    ("exchange", _NAME, "no plain name"),
    ("virtualhost", _VIRTUAL_HOST, "no plain name"),
)


def broker_problems(_view: State | Draft, broker: Entity) -> Iterator[Problem]:
    """Yield what is wrong with the broker's settings."""
    for name, pattern, why in _TEXTS:
        text = broker.text(name)
        if text and not pattern.fullmatch(text):
            yield error(broker.path, name, f"{text!r} is {why}")
    nodes = broker.words("nodes")
    for node in nodes:
        if not _NODE.fullmatch(node):
            yield error(broker.path, "nodes", f"{node!r} is neither HOST nor HOST:PORT")
    if not nodes and any(broker.values.get(name) for name in _PASSWORDS):
        yield warning(broker.path, "nodes", "it is not set; hosts are given no account")
    if broker.values.get("unsignedreports") and not broker.values.get("answerkeyfile"):
        yield warning(broker.path, "unsignedreports", "without answerkeyfile all are taken")
