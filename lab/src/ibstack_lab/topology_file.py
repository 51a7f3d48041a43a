# SPDX-License-Identifier: Apache-2.0
"""A topology as JSON, so that the lab's own processes find the one they were started with."""

from __future__ import annotations

import json

from ibstack.formats.codec import from_json, to_json
from ibstack_lab.topology import Host, Topology


def dump(topology: Topology) -> str:
    return json.dumps(to_json(topology.hosts), indent=1) + "\n"


def load(text: str) -> Topology:
    """Read what dump() wrote."""
    return Topology(from_json(tuple[Host, ...], json.loads(text)))
