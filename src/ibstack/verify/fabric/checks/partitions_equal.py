# SPDX-License-Identifier: Apache-2.0
"""Every subnet manager has the same partitions: a standby that takes over changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import PARTITIONS_CONF, Unread, shown
from ibstack.verify.fabric.files import place
from ibstack.verify.opensm_files import partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.site import Site


def _look(site: Site) -> Iterator[Seen]:
    hosts = site.subnet_manager_hosts()
    texts = {_which(host): partitions(host) for host in hosts}
    digests = {which: _digest(text) for which, text in texts.items() if isinstance(text, str)}
    managers = 0 if isinstance(site.fabric, Unread) else len(site.fabric.managers)
    if len(digests) < max(managers, 2):
        # One file is equal to itself: that says nothing.
        why = f"{len(digests)} of {max(managers, 2)} files were collected"
        for host in hosts:
            if _which(host) in digests:
                yield Seen(host.host, None, why, place(host))
        if not digests:
            yield Seen("", None, why, shown(PARTITIONS_CONF))
    if len(digests) > 1:
        usual = _of_master(site, digests) or Counter(digests.values()).most_common(1)[0][0]
        for host in hosts:
            digest = digests.get(_which(host))
            if digest is not None:
                found, wanted = f"sha256 {digest}", f"sha256 {usual}"
                yield Seen(host.host, digest == usual, found, place(host), "", wanted)


def _which(host: Evidence) -> tuple[str, str]:
    """Return whose file it is, and where: a host may run several OpenSMs."""
    return host.host, place(host)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _of_master(site: Site, digests: dict[tuple[str, str], str]) -> str | None:
    """Return the master's: it is what is in force."""
    if isinstance(site.fabric, Unread):
        return None
    masters = [port.host for port in site.fabric.managers if port.is_master]
    return next((digest for (host, _), digest in digests.items() if host in masters), None)


# Seen on OpenSM 3.3.23: a standby with another file removes tenants' keys when it takes over.
RULE: Final = Rule(
    "partitions-equal",
    "every subnet manager has the same partitions file",
    "the master's file, to the byte",
    "start ibstack-fabricd on that host, and see in its log why its file is another",
    _look,
)
