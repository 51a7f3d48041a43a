# SPDX-License-Identifier: Apache-2.0
"""Software images: the file trees from which nodes are installed."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.node_settings import FROZEN_FILES, LABELS
from ibstack.cluster.model.value import Boolean, Choice, Text, Words

SOFTWAREIMAGE: Final = Kind(
    name="softwareimage",
    singular="SoftwareImage",
    columns=("path", "kernelversion", "nodes"),
    key="Name",
    properties=(
        Property("Name", Text(), "The image's name.", fixed=True),
        Property("Path", Text(), "Where its tree lies.", default_by_name="/cm/images/{name}"),
        Property(
            "Original image",
            Text(),
            "The image that it was cloned from: its tree is copied when this one is committed.",
        ),
        Property("Kernel version", Text(), "The kernel that its nodes boot."),
        Property("Kernel parameters", Text(), "The kernel's command line, byte for byte."),
        Property("Kernel output console", Text(), "Where the kernel talks.", default="tty0"),
        Property(
            "Kernel modules",
            Words(),
            "What the ramdisk has to have, in the order in which it is loaded.",
            aliases=("modules",),
        ),
        Property("Enable SOL", Boolean(), "The kernel talks on a serial line too."),
        Property("SOL Port", Text(), "That line.", default="ttyS1"),
        Property(
            "SOL Speed",
            Choice(("9600", "19200", "38400", "57600", "115200")),
            "Its speed, in bits a second.",
            default="115200",
        ),
        Property("SOL Flow Control", Boolean(), "It has flow control in hardware.", default=True),
        FROZEN_FILES,
        *LABELS,
    ),
)
