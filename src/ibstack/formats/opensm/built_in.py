# SPDX-License-Identifier: Apache-2.0
"""Where a build of OpenSM looks for its files when it is told nothing.

Debian's builds, and NVIDIA's, have /etc/opensm; RHEL configures its own with
--with-opensm-conf-sub-dir=rdma, and so has /etc/rdma.  A program knows for itself: its help, which
stands in it as it is printed, names both files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """The two paths of one build."""

    config: str
    partitions: str


ETC_OPENSM: Final = BuiltIn("/etc/opensm/opensm.conf", "/etc/opensm/partitions.conf")
ETC_RDMA: Final = BuiltIn("/etc/rdma/opensm.conf", "/etc/rdma/partitions.conf")
USUAL: Final = (ETC_OPENSM, ETC_RDMA)

_CONFIG: Final = re.compile(r"\s(/\S+) will be used \(if exists\)")
_PARTITIONS: Final = re.compile(r"-Pconfig[^']*The default name is '([^'\n]+)'")
_NEAR: Final = 400
_SYSTEM: Final = re.compile(r"^(?:ID|ID_LIKE)=(.*)$", re.M)


def of_program(help_or_program: str) -> BuiltIn | None:
    """Return what a build says of itself, in its help or in the bytes of its program."""
    config = _CONFIG.search(_around(help_or_program, "will be used (if exists)"))
    partitions = _PARTITIONS.search(_around(help_or_program, "-Pconfig, -P "))
    if config is None or partitions is None:
        return None
    return BuiltIn(config[1], partitions[1])


def _around(text: str, words: str) -> str:
    """Return what stands at *words*: a program has a million characters."""
    place = text.find(words)
    return "" if place < 0 else text[max(place - _NEAR, 0) : place + _NEAR]


def is_of_debian(os_release: str) -> bool:
    """Tell by an os-release whether only Debian's build or NVIDIA's is to be expected there.

    RHEL's build has /etc/rdma, and NVIDIA's runs on RHEL too: so a RHEL says nothing.
    """
    families = {
        word for found in _SYSTEM.findall(os_release) for word in found.strip("\"'").split()
    }
    return bool(families & {"debian", "ubuntu"})
