# SPDX-License-Identifier: Apache-2.0
"""The file with the site's own partitions, in OpenSM's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.opensm.partitions_conf import read_site
from ibstack.subnet_manager.policy.site import Site

if TYPE_CHECKING:
    from ibstack.subnet_manager.settings import Settings


def site_partitions(settings: Settings) -> Site:
    """Read the site's file; BadInput with every fault where it must not be published."""
    path = settings.site_partitions
    if path is None:
        return Site()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"cannot read the site's own partitions: {path}: {error.strerror}; create it, with"
            " comments only where there are none, or unset site_partitions"
        ) from error
    text = read_site(content, str(path), settings.owned_keys)
    if not text:
        return Site()
    statements = tuple(parse(content, str(path)))
    return Site(text, frozenset(statement.key for statement in statements), statements)
