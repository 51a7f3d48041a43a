# SPDX-License-Identifier: Apache-2.0
"""File systems that nodes mount, and folders that they export."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Boolean, Integer, Reference, Text, Words

FSMOUNT: Final = Kind(
    name="fsmounts",
    singular="FSMount",
    plural="FSMounts",
    columns=("device", "filesystem"),
    inside=("category", "device"),
    overrides=True,
    named_by_path=True,
    key="Mountpoint",
    properties=(
        Property("Mountpoint", Text(), "", "Where it is mounted, as /home.", fixed=True),
        Property("Device", Text(), "", "What is mounted, as master:/home or /dev/sdb1."),
        Property("Filesystem", Text(), "nfs", "Its type."),
        Property("Mount options", Text(), "defaults", "As fstab has them."),
        Property("Dump", Boolean(), False, "fstab's fifth field."),
        Property("Filesystem check", Integer(0, 2), 0, "fstab's sixth field."),
        Property("RDMA", Boolean(), False, "NFS over RDMA."),
        Property("Revision", Text(), "", "A label."),
    ),
)

FSEXPORT: Final = Kind(
    name="fsexports",
    singular="FSExport",
    plural="FSExports",
    columns=("path", "network", "write"),
    inside=("category", "device"),
    overrides=True,
    named_by_path=True,
    key="Name",
    properties=(
        Property("Name", Text(), "", "As /home@internalnet.", fixed=True),
        Property("Path", Text(), "", "The folder."),
        Property("Network", Reference("network"), "", "Who may mount it: hosts of this network."),
        Property("Hosts", Words(), (), "Who else may, as exports(5) writes them."),
        Property("Write", Boolean(), False, "They may write."),
        Property("Async", Boolean(), False, "Writes are answered before they are on the disk."),
        Property("Extra options", Words(), (), "Further options of exports(5)."),
        Property("Disabled", Boolean(), False, "It is not exported."),
        Property("Revision", Text(), "", "A label."),
    ),
)
