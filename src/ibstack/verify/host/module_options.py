# SPDX-License-Identifier: Apache-2.0
"""What modules are loaded with: `options` lines of /etc/modprobe.d/*.conf (modprobe.d(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import Unread

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence

FOLDER: Final = "etc/modprobe.d"


def options(host: Evidence, module: str) -> dict[str, tuple[str, str]] | Unread:
    """Return each option of *module* with its value and the file; the last one counts."""
    files = host.matching(f"{FOLDER}/*.conf")
    if not files and FOLDER not in host.folders:
        return Unread("it was not collected")
    found: dict[str, tuple[str, str]] = {}
    for name, text in files.items():
        for line in text.splitlines():
            first, *rest = line.partition("#")[0].split() or [""]
            if first == "options" and rest[:1] == [module]:
                for word in rest[1:]:
                    key, _, value = word.partition("=")
                    found[key] = value, f"/{name}"
    return found
