# SPDX-License-Identifier: Apache-2.0
"""Hosts of which nothing is known that a check could look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.finding import Finding, Place, Severity
from ibstack.cluster.lint.known_files import FOLDERS, is_known
from ibstack.cluster.lint.opensm_files import named_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud

_SHOWN: Final = 3


def nothing(cloud: Cloud) -> Iterator[Finding]:
    """Yield each host that was collected without a file that lint knows."""
    for host in cloud.hosts:
        known = host.files.keys() & named_partitions(host.files)
        if host.collected and not known and not any(map(is_known, host.files)):
            more = len(host.files) - _SHOWN
            there = ", ".join(sorted(host.files)[:_SHOWN]) + (f" and {more} more" * (more > 0))
            yield Finding(
                "nothing-known",
                Place(f"/{FOLDERS[0]}", host.name),
                "",
                there or "no file",
                "nothing can be said of this host: none of its files is one that lint knows",
                "collect /etc/neutron, /etc/nova, /etc/ibstack, /etc/opensm, /etc/modprobe.d and"
                " /etc/udev of the host, of containers /etc/kolla or"
                " /var/lib/config-data/puppet-generated; links are not followed",
                severity=Severity.WARNING,
            )
