# SPDX-License-Identifier: Apache-2.0
"""Ports that are lost: the plug comes before the port is bound, or a daemon is restarted."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.nova import BoundPort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.nova import Nova, Place

_SPREAD_S: Final = 3.0
"""More than the interval at which networking-mlnx looks for what is new (2 s)."""


@dataclass(frozen=True, slots=True)
class Count:
    """Of how many ports how many were lost."""

    tries: int = 0
    lost: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.tries + other.tries, self.lost + other.lost)

    def as_json(self) -> dict[str, int]:
        return {"tries": self.tries, "lost": self.lost}


@dataclass(frozen=True, slots=True)
class Try:
    """When each of the two happens, in seconds from the beginning."""

    place: Place
    mac: str
    plug_s: float
    bind_s: float


class Orders:
    """Tries orders of plug, create and bind, several at a time."""

    def __init__(self, nova: Nova, seed: int) -> None:
        self._nova = nova
        self._random = random.Random(seed)

    def plug_first(self, places: Sequence[Place], rounds: int) -> Count:
        """Plug each VF at once, make and bind its port up to 3 s later."""
        return self._rounds(places, rounds, lambda: (0.0, self._later()), lambda: None)

    def any_order(
        self, places: Sequence[Place], rounds: int, meanwhile: Callable[[], None]
    ) -> Count:
        """Plug and bind at any time within 3 s of each other; call *meanwhile* in each round."""
        return self._rounds(places, rounds, lambda: (self._later(), self._later()), meanwhile)

    def _later(self) -> float:
        return self._random.uniform(0, _SPREAD_S)

    def _rounds(
        self,
        places: Sequence[Place],
        rounds: int,
        times: Callable[[], tuple[float, float]],
        meanwhile: Callable[[], None],
    ) -> Count:
        lost = 0
        for _ in range(rounds):
            tries = [Try(place, self._mac(), *times()) for place in places]
            during = threading.Timer(self._later(), meanwhile)
            during.start()
            with ThreadPoolExecutor(len(tries)) as pool:
                found = list(pool.map(self._try, tries))
            during.join()
            lost += sum(not active for _, active in found)
            self._nova.remove([port for port, _ in found])
        return Count(rounds * len(places), lost)

    def _try(self, one: Try) -> tuple[BoundPort, bool]:
        """Return the port, and whether it became ACTIVE."""
        with ThreadPoolExecutor(1) as plug:
            plugged = plug.submit(self._plug, one)
            time.sleep(one.bind_s)
            port_id, _ = self._nova.create(one.mac)
            self._nova.bind(port_id, one.place)
            plugged.result()
        active = self._nova.wait_active(port_id) is not None
        return BoundPort(port_id, one.mac, one.place), active

    def _plug(self, one: Try) -> None:
        time.sleep(one.plug_s)
        self._nova.add_port(one.mac, one.place)

    def _mac(self) -> str:
        """Return an address as Neutron makes them."""
        return "fa:16:3e:" + self._random.randbytes(3).hex(":")
