# SPDX-License-Identifier: Apache-2.0
"""What a category settles for its nodes, and a node for itself."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Property
from ibstack.cluster.model.value import Blob, Boolean, Choice, Reference, Text, Words

INSTALL_MODES: Final = ("AUTO", "FULL", "NOSYNC", "MAIN", "SKIP")

INSTALLATION: Final = (
    Property(
        "Software image",
        Reference("softwareimage"),
        "",
        "What nodes are installed from.",
        inherits=True,
    ),
    Property(
        "Install mode", Choice(INSTALL_MODES), "AUTO", "How nodes are installed.", inherits=True
    ),
)

BOOT: Final = (
    Property(
        "Kernel version",
        Text(),
        "",
        "The kernel that nodes boot; unset: the image's.",
        inherits=True,
    ),
    Property(
        "Kernel parameters",
        Text(),
        "",
        "The kernel's command line, byte for byte; unset: the image's.",
        inherits=True,
    ),
    Property(
        "Kernel output console",
        Text(),
        "tty0",
        "Where the kernel talks; unset: the image's.",
        inherits=True,
    ),
    Property(
        "Boot loader",
        Choice(("syslinux", "grub")),
        "syslinux",
        "What starts the kernel.",
        inherits=True,
    ),
    Property(
        "Boot loader protocol",
        Choice(("HTTP", "TFTP")),
        "TFTP",
        "How the kernel is fetched.",
        inherits=True,
    ),
    Property("Install boot record", Boolean(), False, "Nodes boot from their disk.", protects=True),
    Property("Data node", Boolean(), False, "A FULL install asks first.", protects=True),
    Property("Disk setup", Blob(), "", "The layout of disks, as XML.", inherits=True),
    Property(
        "Initialize script",
        Blob(),
        "",
        "Runs before the disks are set up: the category's first, then the node's own.",
    ),
    Property(
        "Finalize script",
        Blob(),
        "",
        "Runs before the node's own init: the category's first, then the node's own.",
    ),
)

EXCLUDE_LISTS: Final = tuple(
    Property(f"Exclude list {label}", Blob(), "", help_, inherits=True)
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

NETWORKING: Final = (
    Property("Default gateway", Text(), "", "An address, or empty.", inherits=True),
    Property("Name servers", Words(), (), "Their addresses.", inherits=True),
    Property(
        "Search domain", Words(), (), "DNS zones in which short names are looked up.", inherits=True
    ),
    Property("Time servers", Words(), (), "Their names.", inherits=True),
    Property(
        "Management network",
        Reference("network"),
        "",
        "The network that nodes are managed over.",
        inherits=True,
    ),
)

FROZEN_FILES: Final = Property(
    "Frozen files",
    Words(),
    (),
    "Files that are never generated: absolute paths, or | and a regular expression.",
    aliases=("frozenfile", "freezefile"),
)
"""Of a device, its category, its image, and partition base: the files of all levels count."""

LABELS: Final = (
    Property("Revision", Text(), "", "A label."),
    Property("Notes", Blob(), "", "Anything."),
)
