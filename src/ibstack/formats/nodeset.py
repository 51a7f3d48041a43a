# SPDX-License-Identifier: Apache-2.0
"""Names of hosts, folded as pdsh, clush and nodeset write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def folded(hosts: Iterable[str]) -> str:
    """Return the names as pdsh and clush write them: `node[001-003]`."""
    names = list(hosts)
    if len(names) == 1:
        return names[0]
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return str(NodeSet.fromlist(names, resolver=RESOLVER_NOGROUP))
