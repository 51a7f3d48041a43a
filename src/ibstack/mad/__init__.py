# SPDX-License-Identifier: Apache-2.0
"""Reading the fabric: pipelined management datagrams, on real adapters and under ibsim.

    with open_port() as local:
        ports = local.discover().ports
        tables = local.pkey_tables(ports.values())

What cannot be read is a `NotKnown` that says why; `CannotReadFabric` is raised only where this
process has no way to the fabric at all.  Nothing here can write.
"""

from ibstack.mad.datagrams import NodeInfo, NodeType, PortInfo, PortState, SmInfo, SmState
from ibstack.mad.fabric_map import Duplicate, FabricMap, GuidOf, PortRecord
from ibstack.mad.local_ports import local_port_guids
from ibstack.mad.pipeline import DatagramPort, Lid, NotKnown, Route
from ibstack.mad.reader import FabricReader, open_port
from ibstack.mad.umad import CannotReadFabric

__all__ = [
    "CannotReadFabric",
    "DatagramPort",
    "Duplicate",
    "FabricMap",
    "FabricReader",
    "GuidOf",
    "Lid",
    "NodeInfo",
    "NodeType",
    "NotKnown",
    "PortInfo",
    "PortRecord",
    "PortState",
    "Route",
    "SmInfo",
    "SmState",
    "local_port_guids",
    "open_port",
]
