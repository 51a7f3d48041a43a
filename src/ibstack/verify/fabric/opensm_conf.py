# SPDX-License-Identifier: Apache-2.0
"""What a subnet manager was told that makes a fabric safe, by its files and its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.facts.evidence import OPENSM_ARGS, Missing, shown
from ibstack.facts.opensm_files import config_name, not_understood, options
from ibstack.verify import selectors
from ibstack.verify.check import Observation
from ibstack.verify.selectors import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import Site
    from ibstack.formats.opensm.in_force import Options


def place(host: Evidence) -> str:
    """Return the path of the configuration."""
    return shown(config_name(host))


def each_opensm_conf(
    observe: Callable[[Evidence, Options], Iterator[Observation]],
) -> Callable[[Site], Iterator[Observation]]:
    """Observe what each OpenSM was told, where that is known."""

    def observe_each(host: Evidence) -> Iterator[Observation]:
        said = options(host)
        if isinstance(said, Missing):
            yield unknown(host, said)
        else:
            yield from observe(host, said)

    return each_subnet_manager_host(observe_each)


def unknown(host: Evidence, unread: Missing) -> Observation:
    """Say that nothing is known, for want of the configuration."""
    return selectors.unknown(host, config_name(host), unread)


def judged(host: Evidence, *, holds: bool | None, found: str) -> Observation:
    """Say what was found; nothing holds of a command line that is not understood."""
    doubt = not_understood(host)
    if holds and doubt is not None:
        return Observation(host.host, None, doubt, shown(OPENSM_ARGS))
    return Observation(host.host, holds, found, place(host))
