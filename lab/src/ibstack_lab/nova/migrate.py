# SPDX-License-Identifier: Apache-2.0
"""Make nova's tables, its two cells and its flavors: what `nova-manage` does, imported once.

    python -m ibstack_lab.nova.migrate --config-file FILE

Addresses of cells are templates: nova fills them from the settings of whoever reads them, so that a
prepared database serves in every lab.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

_BROKER: Final = "{scheme}://{username}:{password}@{hostname}:{port}/"
_DATABASE: Final = "{{scheme}}://{{username}}@/{name}?{{query}}"
FLAVORS: Final = {"tiny": 64, "small": 128}
"""Memory in MiB.  A disk of 1 GB: by nova's policy only administrators boot with none."""


def main() -> None:
    # First of all: it decides on native threads, as the settings say.
    manage: Any = importlib.import_module("nova.cmd.manage")
    config: Any = importlib.import_module("nova.config")
    objects: Any = importlib.import_module("nova.objects")
    config.parse_args(sys.argv)
    objects.register_all()
    cells = manage.CellV2Commands()
    _require_zero(manage.ApiDbCommands().sync())
    _require_zero(cells.map_cell0(_DATABASE.format(name="nova_cell0")))
    _require_zero(cells.create_cell("cell1", _DATABASE.format(name="nova"), _BROKER))
    _require_zero(manage.DbCommands().sync())
    context = manage.context.get_admin_context()
    for number, (name, memory_mib) in enumerate(FLAVORS.items(), 1):
        objects.Flavor(
            context,
            flavorid=str(number),
            name=name,
            memory_mb=memory_mib,
            vcpus=1,
            root_gb=1,
            ephemeral_gb=0,
            swap=0,
            rxtx_factor=1.0,
            is_public=True,
            disabled=False,
        ).create()


def _require_zero(code: int | None) -> None:
    """End with what a step ended with: it has said why."""
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
