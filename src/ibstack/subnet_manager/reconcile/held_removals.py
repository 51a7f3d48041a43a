# SPDX-License-Identifier: Apache-2.0
"""What a mass removal holds, in `held-removals.json` of fabricd's folder: over a restart too.

Forgotten, it would be judged anew among the members that came since, and might go by their number.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ibstack.fabric.errors import Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.subnet_manager import state_file
from ibstack.subnet_manager.policy.mass_removal import NOTHING_HELD, Held
from ibstack.subnet_manager.state_file import store

if TYPE_CHECKING:
    from pathlib import Path


class HeldRemovals:
    """The memberships that stay until a person orders otherwise or they are wanted again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "held-removals.json"
        self._stored: Held | None = None

    def load(self) -> Held:
        """Return what was held last; Refused where that cannot be told, TryLater for now."""
        if self._stored is None:
            self._stored = self._read()
        return self._stored

    def _read(self) -> Held:
        try:
            raw = json.loads(self._file.read_text("ascii"))
            places = {(PartitionKey.parse(k), Guid.parse(g)) for k, g in raw["held"]}
            return Held(frozenset(places), int(raw["going"]), int(raw["of"]))
        except FileNotFoundError:
            return NOTHING_HELD
        except OSError as error:
            raise state_file.cannot_read(self._file, error) from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise Refused(
                f"cannot tell which removals are held: {self._file} is broken ({error}); remove it,"
                " and what would go is judged anew, or run `ibstack partition allow-removals`"
            ) from error

    def store(self, held: Held) -> None:
        """Hold *held* from now on, and nothing else; TryLater where it cannot be written."""
        if held == self._stored:
            return
        rows = [[str(key), str(guid)] for key, guid in sorted(held.places)]
        content = {"going": held.going, "of": held.of, "held": rows}
        store(self._file, json.dumps(content, indent=0) + "\n")
        self._stored = held
