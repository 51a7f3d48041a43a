# SPDX-License-Identifier: Apache-2.0
"""What a host's modules are loaded with, by files and by the kernel's command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import COMMANDS, Missing
from ibstack.formats.modprobe_options import BELOW, options_of

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence
    from ibstack.formats.modprobe_options import Option

FOLDER: Final = f"etc/{BELOW}"


def host_files(host: Evidence) -> dict[str, str]:
    """Return the texts of files by path, as the readers of `formats` take them."""
    return {
        f"/{name}": text
        for name, text in host.texts.items()
        if isinstance(text, str) and not name.startswith(COMMANDS)
    }


def options(host: Evidence, module: str) -> dict[str, Option] | Missing:
    """Return each option of *module* by its name; the last one counts."""
    if FOLDER not in host.folders and not host.matching(f"{FOLDER}/*.conf"):
        return Missing("it was not collected")
    return options_of(host_files(host), module)
