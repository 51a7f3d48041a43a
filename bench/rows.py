# SPDX-License-Identifier: Apache-2.0
"""The table's lines, from what the parts printed in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bench.row import Figure, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Results = Mapping[str, Mapping[str, Any]]

# What both sides were asked: the key in the part's JSON, and what is asked of the median.
_TIMES: Final = (
    ("one_at_a_time", "plug → ACTIVE, one at a time", 350),
    ("eight_at_a_time", "plug → ACTIVE, 16 ports, 8 at a time", None),
    ("sixteen_at_once", "plug → ACTIVE, 16 at once", 1000),
    ("ebrctl", "`ebrctl add-port`, the whole process", 100),
)


def rows(results: Results) -> list[Row]:
    """Return a line for whatever was measured; *results*: what each part printed, by its name."""
    found = list(_both_sides(results))
    for printed in results.values():
        found += [Row.read(said) for said in printed.get("rows", ())]
    return found


def _both_sides(results: Results) -> Iterator[Row]:
    plug, peer = results.get("plug"), results.get("peer")
    if plug is None:
        return
    for key, what, limit in _TIMES:
        yield Row(
            what=what,
            unit="ms",
            limit=limit,
            ibstack=_times(plug[key]),
            peer=_times(peer[key]) if peer else None,
        )
    yield Row(
        what="ports lost, plug before the port is bound",
        unit="ports",
        limit=0,
        ibstack=_lost(plug["plug_first"]),
        peer=_lost(peer["plug_first"]) if peer else None,
    )
    yield Row(
        what="ports lost, any order, the agent restarted meanwhile",
        unit="ports",
        limit=0,
        ibstack=_lost(plug["any_order"]),
    )
    yield Row(
        what="ports ACTIVE before their plug, on VFs used before",
        unit="ports",
        limit=0,
        ibstack=_early(plug["used_vf"]),
        peer=_early(peer["used_vf"]) if peer else None,
    )
    yield Row(
        what="resident memory of a host's daemons",
        unit="MiB",
        limit=round(110e6 / 2**20),
        ibstack=Figure(plug["resident_mib"]["all"]),
        peer=Figure(peer["resident_mib"]["all"]) if peer else None,
    )
    yield Row(
        what=f"idle agent, share of a core over {plug['idle_s']:g} s",
        unit="%",
        limit=0.2,
        ibstack=Figure(plug["idle_percent"]["agent"]),
        peer=Figure(peer["idle_percent"]["agent"]) if peer else None,
    )


def _times(found: Mapping[str, Any]) -> Figure:
    """Return how long it took; ValueError where nothing ever became ACTIVE."""
    if found["median_ms"] is None:
        raise ValueError(f"cannot say how long it took: all {found['n']} ports were lost")
    return Figure(found["median_ms"], found["worst_ms"], found["n"], found["lost"])


def _lost(found: Mapping[str, int]) -> Figure:
    return Figure(found["lost"], n=found["tries"])


def _early(found: Mapping[str, int]) -> Figure:
    return Figure(found["before_plug"], n=found["n"])
