# SPDX-License-Identifier: Apache-2.0
"""What held ports have by the file that was published last: of ports that no fabricd saw held.

An adapter may stop being reported while no ibstack-fabricd runs.  Then nobody has written down what
its host's ports keep, but the file still says which GUIDs are in a partition, and known_hosts.json
whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.member import Member
from ibstack.subnet_manager.reconcile import known_hosts_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ibstack.fabric.partition import PartitionKey, Partitions


class PublishedMembers:
    """Reads both files once it is asked: when a fabricd starts."""

    def __init__(self, folder: Path, published: Callable[[], Partitions]) -> None:
        """*folder* has known_hosts.json; *published* reads who is a member by the file."""
        self._known = folder / "known_hosts.json"
        self._published = published

    def of(self, held: Iterable[tuple[str, str, PartitionKey]]) -> Iterator[Member]:
        """Yield what each of *held*, a Neutron port on a host in a partition, has.

        Nothing where the files cannot be read, which others say.

        Only of adapters whose VFs share their port's table: there the host's port is the member.  A
        VF's own GUID is in no word of Neutron's about a held port, and in the file it could be
        another port's that has left.
        """
        try:
            hosts, partitions = known_hosts_file.read(self._known).hosts, self._published()
        except IbstackError:
            return
        for port_id, host, key in held:
            members = partitions[key].members if key in partitions else {}
            for guid, shares_table in hosts.get(host, {}).items():
                if shares_table is True and guid in members:
                    yield Member(port_id, host, guid, key, members[guid], shared=True)
