# SPDX-License-Identifier: Apache-2.0
"""`shell`: the start of `ibstack shell` on an empty cluster, and on one of 10,000 devices."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bench.paired import rounds
from bench.paired.rounds import Took

if TYPE_CHECKING:
    from pathlib import Path

_PART: Final[Any] = import_module("bench.cluster")
_DEVICES: Final = 10_000


class _Shells:
    """Two clusters, on each of which a shell is started."""

    def __init__(self, folder: Path) -> None:
        bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        self._starts = {}
        for devices in (0, _DEVICES):
            url = f"sqlite:///{folder / f'{devices}.db'}"
            store = _PART.open_store(url)
            if devices:
                # By these names benches have it that have no programs for pairs.
                made = _PART._cluster(devices)
                changes = [_PART.Change(entity.path, None, entity) for entity in made]
                store.commit(changes, base=_PART.State(), author="bench")
            start = _PART._Start(("--store", url, "-c", ""), bytecode)
            start.run()  # Whoever installs makes the bytecode, and not who starts.
            what = f"{devices:,} devices" if devices else "empty cluster"
            self._starts[f"shell: start, {what}"] = start

    def start(self) -> dict[str, Took]:
        return {what: Took(*start.run()) for what, start in self._starts.items()}


def main() -> None:
    rounds.ended_by_sigterm()
    with rounds.short_folder() as folder:
        rounds.serve({"shell": _Shells(folder).start})


if __name__ == "__main__":
    main()
