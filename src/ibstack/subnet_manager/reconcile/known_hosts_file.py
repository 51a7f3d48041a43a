# SPDX-License-Identifier: Apache-2.0
"""What is remembered of hosts and their ports: `known_hosts.json` in fabricd's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.fabric.errors import Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.formats.codec import from_row, to_row
from ibstack.subnet_manager import state_file
from ibstack.subnet_manager.policy.known_ports import PortPlace
from ibstack.subnet_manager.state_file import store

if TYPE_CHECKING:
    from pathlib import Path

_VERSION: Final = 1
Ports: TypeAlias = "dict[Guid, bool | None]"
"""A host's ports, and whether VFs share the port's table (mlx4); None: not known."""


@dataclass(slots=True)
class Remembered:
    """The content of the file."""

    hosts: dict[str, Ports] = field(default_factory=dict)
    kept: tuple[Member, ...] = ()
    """What Neutron ports keep that are held."""
    places: dict[Guid, PortPlace] = field(default_factory=dict)
    """Where ports were on the fabric; earlier releases know nothing of it."""


def read(file: Path) -> Remembered:
    """Read what write() wrote; nothing where there is none, Refused where it is broken."""
    try:
        raw = json.loads(file.read_text("ascii"))
        if raw["version"] != _VERSION:
            raise ValueError(f"version {raw['version']!r} is none of this release's")
        hosts = {
            host: {Guid.parse(guid): kind for guid, kind in ports.items()}
            for host, ports in raw["hosts"].items()
        }
        places = {
            Guid.parse(guid): from_row(PortPlace, row)
            for guid, row in raw.get("places", {}).items()
        }
        return Remembered(hosts, tuple(from_row(Member, row) for row in raw["kept"]), places)
    except FileNotFoundError:
        return Remembered()
    except OSError as error:
        raise state_file.cannot_read(file, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"cannot tell which ports are whose: {file} is broken ({error}); remove it, and every"
            " host is believed once more as it reports then"
        ) from error


def write(file: Path, what: Remembered) -> None:
    """Put *what* into the file; TryLater where that fails."""
    hosts = {
        host: {str(guid): ports[guid] for guid in sorted(ports)}
        for host, ports in sorted(what.hosts.items())
    }
    content = {
        "version": _VERSION,
        "hosts": hosts,
        "kept": [to_row(member) for member in what.kept],
        "places": {str(guid): to_row(place) for guid, place in sorted(what.places.items())},
    }
    store(file, json.dumps(content, indent=0) + "\n")
