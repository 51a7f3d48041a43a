# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line, for nodes that boot from their own disk by GRUB."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.line_file import LineFile
from ibstack.cluster.model.inheritance import DEFAULT, OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host

PATH: Final = "/etc/default/grub.d/ibstack.cfg"
INI_PATHS: Final[tuple[str, ...]] = ()
_VARIABLE: Final = "GRUB_CMDLINE_LINUX"


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file, on nodes for which parameters are set."""
    if host.is_head:
        return
    found = host.kernel_command_line()
    if found.source == DEFAULT or not found.value:
        return
    owner = host.device.path if found.source == OWN else found.source.replace(":", "/", 1)
    lines = LineFile(PATH, needs_reboot=True)
    text = f"{_VARIABLE}={shlex.quote(str(found.value))}\n"
    lines.put(_VARIABLE, text, f"{owner}: kernel parameters")
    yield lines.generated()
