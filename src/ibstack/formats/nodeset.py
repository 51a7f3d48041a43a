# SPDX-License-Identifier: Apache-2.0
"""Sets of node names as pdsh, clush and nodeset write them: `node[001-003,007]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def folded(names: Iterable[str]) -> str:
    """Return the shortest node set of *names*; a single name is returned as it is."""
    listed = list(names)
    if len(listed) == 1:
        return listed[0]
    # Only who folds names waits for ClusterShell's import.
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return str(NodeSet.fromlist(listed, resolver=RESOLVER_NOGROUP))
