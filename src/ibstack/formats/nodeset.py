# SPDX-License-Identifier: Apache-2.0
"""Sets of node names as pdsh, clush and nodeset write them: `node[001-003,007]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def folded(names: Iterable[str]) -> str:
    """Return the shortest node set of *names*; a single name is returned as it is."""
    listed = list(names)
    if len(listed) == 1:
        return listed[0]
    # Only who folds names waits for ClusterShell's import.
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return str(NodeSet.fromlist(listed, resolver=RESOLVER_NOGROUP))


def fold(names: Sequence[str]) -> str:
    """Return *names*, which may be anything, in one line: folded, or quoted where none is a node's.

    A node's description may be anything, for a guest can write its VF's.
    """
    named = [name for name in names if _NAME.fullmatch(name)]
    strange = [repr(name) for name in names if name and not _NAME.fullmatch(name)]
    return ",".join([*([folded(named)] if named else []), *strange])
