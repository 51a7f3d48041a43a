# SPDX-License-Identifier: Apache-2.0
"""What a category settles for its nodes, and a node for itself."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Property, inherited
from ibstack.cluster.model.value import Blob, Boolean, Choice, Reference, Text, Words

INSTALL_MODES: Final = ("AUTO", "FULL", "NOSYNC", "MAIN", "SKIP")

INSTALLATION: Final = inherited(
    Property("Software image", Reference("softwareimage"), "What nodes are installed from."),
    Property("Install mode", Choice(INSTALL_MODES), "How nodes are installed.", default="AUTO"),
)

BOOT: Final = (
    *inherited(
        Property("Kernel version", Text(), "The kernel that nodes boot; unset: the image's."),
        Property(
            "Kernel parameters",
            Text(),
            "The kernel's command line, byte for byte; unset: the image's.",
        ),
        Property(
            "Kernel output console",
            Text(),
            "Where the kernel talks; unset: the image's.",
            default="tty0",
        ),
        Property(
            "Boot loader",
            Choice(("syslinux", "grub")),
            "What starts the kernel.",
            default="syslinux",
        ),
        Property(
            "Boot loader protocol",
            Choice(("HTTP", "TFTP")),
            "How the kernel is fetched.",
            default="TFTP",
        ),
    ),
    Property("Install boot record", Boolean(), "Nodes boot from their disk.", protects=True),
    Property("Data node", Boolean(), "A FULL install asks first.", protects=True),
    Property("Disk setup", Blob(), "The layout of disks, as XML.", inherits=True),
    Property(
        "Initialize script",
        Blob(),
        "Runs before the disks are set up: the category's first, then the node's own.",
    ),
    Property(
        "Finalize script",
        Blob(),
        "Runs before the node's own init: the category's first, then the node's own.",
    ),
)

EXCLUDE_LISTS: Final = tuple(
    Property(f"Exclude list {label}", Blob(), help_, inherits=True)
    for label, help_ in (
        ("full install", "What a FULL install leaves out."),
        ("sync install", "What an AUTO install leaves as it is."),
        ("update", "What an update of running nodes leaves as it is."),
        ("grab", "What is not taken from a node into its own image."),
        ("grab new", "What is not taken from a node into a new image."),
        ("manipulate script", "Changes the lists above before they are used."),
    )
)

PATTERN_LISTS: Final = tuple(
    each.name for each in EXCLUDE_LISTS if not each.label.endswith("script")
)
"""The properties that are lists of rsync's patterns."""

NETWORKING: Final = inherited(
    Property("Default gateway", Text(), "An address, or empty."),
    Property("Name servers", Words(), "Their addresses."),
    Property("Search domain", Words(), "DNS zones in which short names are looked up."),
    Property("Time servers", Words(), "Their names."),
    Property(
        "Management network", Reference("network"), "The network that nodes are managed over."
    ),
)

FROZEN_FILES: Final = Property(
    "Frozen files",
    Words(),
    "Files that are never generated: absolute paths, or | and a regular expression.",
    aliases=("frozenfile", "freezefile"),
)
"""Of a device, its category, its image, and partition base: the files of all levels count."""

LABELS: Final = (Property("Revision", Text(), "A label."), Property("Notes", Blob(), "Anything."))
