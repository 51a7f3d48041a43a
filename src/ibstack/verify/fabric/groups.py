# SPDX-License-Identifier: Apache-2.0
"""The multicast groups of a fabric, as its master's dump or `saquery -g` of hosts shows them.

A host is told only of the groups of partitions that it is in, so what several hosts were told may
still not be all.  `saquery -g` leaves out the Q_Key.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.opensm import configuration
from ibstack.subnet_manager.opensm.multicast_groups import VALUE, MulticastGroup
from ibstack.subnet_manager.opensm.sa_dump import parse_dump
from ibstack.verify.evidence import FABRICD_CONF, SA_DUMP, SAQUERY, Unread, last
from ibstack.verify.opensm_files import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.subnet_manager.opensm.sa_dump import Groups
    from ibstack.verify.evidence import Evidence

_RECORD: Final = "MCMemberRecord group dump:"
_FIELD: Final = re.compile(r"^\s*(\w+)\.{2,}(\S+)\s*$", re.M)


def sa_dump_name(host: Evidence) -> str:
    """Return the name of the file in which OpenSM writes its groups down.

    Sources: [fabric] sa_dump of fabricd.conf; dump_files_dir of OpenSM's configuration.
    """
    keys = host.ini(FABRICD_CONF)
    told = None if isinstance(keys, Unread) else last(keys, "fabric", "sa_dump")
    said = options(host)
    if not told and not isinstance(said, Unread):
        folder = said.file.text(configuration.DUMP_FOLDER)
        told = f"{folder}/opensm-sa.dump" if folder else None
    return os.path.normpath(f"/{told or SA_DUMP}".replace("\0", "")).lstrip("/")


def dumped_by(host: Evidence) -> Groups | Unread:
    """Return all groups of a fabric, by its master's host."""
    said = options(host)
    if not isinstance(said, Unread) and not said.file.flag(configuration.SA_DB_DUMP):
        return Unread("set sa_db_dump TRUE in opensm.conf: OpenSM does not write its groups down")
    text = host.text(sa_dump_name(host))
    return text if isinstance(text, Unread) else parse_dump(text)


def shown_to(hosts: Iterable[Evidence]) -> Groups:
    """Return the groups that any of *hosts* was told of."""
    found: Groups = {}
    for host in hosts:
        text = host.text(SAQUERY)
        if isinstance(text, str):
            found |= parse_saquery(text)
    return found


def parse_saquery(text: str) -> Groups:
    """Return the groups in the output of `saquery -g`; one that says too little is left out."""
    groups = (_group(dict(_FIELD.findall(record))) for record in text.split(_RECORD)[1:])
    return {group.mgid: group for group in groups if group}


def _group(said: dict[str, str]) -> MulticastGroup | None:
    try:
        return MulticastGroup(
            mgid=IPv6Address(said["MGID"]),
            key=PartitionKey(int(said["pkey"], 16) & 0x7FFF),
            mtu=int(said["Mtu"], 16) & VALUE,
            rate=int(said["Rate"], 16) & VALUE,
            sl=int(said["SL"], 16),
        )
    except (KeyError, ValueError, BadValue):
        return None
