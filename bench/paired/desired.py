# SPDX-License-Identifier: Apache-2.0
"""`desired`: what Neutron answers in a cloud of 10,000 ports, of a host and of the whole fabric."""

from __future__ import annotations

import dataclasses
import os
import secrets
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bench.paired import rounds
from bench.paired.rounds import Took, timed

if TYPE_CHECKING:
    from pathlib import Path

_PART: Final[Any] = import_module("bench.scale_desired")
_PORTS: Final = 10_000
_FABRIC: Final = "ibhostnet"


class _Answers:
    """Neutron's endpoint before its own database."""

    def __init__(self, database: Any, folder: Path) -> None:
        # By these names benches have it that have no programs for pairs.
        _PART._enlarge(database.engine)
        self._host = _PART._fill(database.engine, _PORTS)
        self._database = database
        self._rpc = _PART.PluginEndpoint(_settings(folder))
        self._context = _PART._context
        self._etag = self._fabric(None)["etag"]

    def desired(self) -> dict[str, Took]:
        asked = {
            "ten of a host": lambda: self._rpc.host_ports(self._context(), self._host),
            "the whole fabric, signed where that is done": lambda: self._fabric(None),
            "nothing new of it": lambda: self._fabric(self._etag),
        }
        return {
            f"desired of {_PORTS:,} ports: {what}": timed(ask, self._pids)
            for what, ask in asked.items()
        }

    def _fabric(self, etag: str | None) -> dict[str, Any]:
        nonce = secrets.token_hex(16)
        answer: dict[str, Any] = self._rpc.fabric_members(
            self._context(), _FABRIC, etag=etag, nonce=nonce
        )
        return answer

    def _pids(self) -> list[int]:
        pid = self._database._process.pid()
        return [] if pid is None else [pid]


def _settings(folder: Path) -> Any:
    """Return the driver's settings, with a key where this release signs what it answers."""
    settings = _PART.Settings()
    if "answer_key_file" not in {field.name for field in dataclasses.fields(settings)}:
        return settings
    key = folder / "answer.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32))
    return dataclasses.replace(settings, answer_key_file=str(key))


def main() -> None:
    rounds.ended_by_sigterm()
    _PART.cfg.CONF([], default_config_files=[])
    plugin = _PART.RevisionPlugin()
    _PART.directory.add_plugin("revision_plugin", plugin)
    with rounds.short_folder() as folder, _PART.OneDatabase(folder) as database:
        fixture = database.for_neutron()
        fixture.setUp()
        try:
            rounds.serve({"desired": _Answers(database, folder).desired})
        finally:
            fixture.cleanUp()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
