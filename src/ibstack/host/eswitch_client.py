# SPDX-License-Identifier: Apache-2.0
"""Asking ibstack-eswitchd: the five verbs of its socket (docs/reference/protocols.md)."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater
from ibstack.host.observed import AttachmentState, ObservedHost

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress

DEFAULT_SOCKET: Final = "/run/ibstack/eswitchd.sock"
_ANSWER_TIMEOUT_S: Final = 30.0

_ERRORS: Final[dict[str, type[IbstackError]]] = {
    "bad-input": BadInput,
    "try-later": TryLater,
    "refused": Refused,
    "failed": IbstackError,
}


class EswitchUnreachable(TryLater):
    """ibstack-eswitchd does not run, does not answer, or does not let us in."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The answer to `attach`."""

    state: AttachmentState
    why: str | None


class EswitchClient:
    """A client of one daemon.  Each call is a connection of its own, so threads may share it.

    Raises EswitchUnreachable, and what the daemon said: BadInput, TryLater, Refused, or
    IbstackError where the host's kernel said no.
    """

    def __init__(self, path: Path | str, *, answer_timeout_s: float = _ANSWER_TIMEOUT_S) -> None:
        """*answer_timeout_s* is given to each call on top of what it is asked to wait."""
        self._path = str(path)
        self._answer_timeout_s = answer_timeout_s

    def read(self) -> ObservedHost:
        """Return the adapters, VFs and attachments as they are now."""
        return ObservedHost.from_json(self._ask({"verb": "read"}))

    def attach(
        self, physical_network: str, mac: str, pci: PciAddress, *, wait_s: float = 0
    ) -> Attached:
        """Give the VF at *pci* to *mac*; wait up to *wait_s* (0 to 300) until it is programmed."""
        request = {
            "verb": "attach",
            "physical_network": physical_network,
            "mac": mac,
            "pci": str(pci),
            "wait_s": wait_s,
        }
        answer = self._ask(request, wait_s)
        return Attached(AttachmentState(answer["state"]), answer["why"])

    def detach(self, physical_network: str, mac: str) -> bool:
        """Clear the VF of *mac* and forget it; return whether there was one."""
        request = {"verb": "detach", "physical_network": physical_network, "mac": mac}
        return bool(self._ask(request)["detached"])

    def configure(
        self, pci: PciAddress, mac: str, entry: TableEntry | None, *, link_up: bool
    ) -> int:
        """Give the attached VF its table entry and link; return the number of writes it took.

        TryLater where the physical port's table (mlx4) does not hold *entry* yet.
        """
        request = {
            "verb": "configure",
            "pci": str(pci),
            "mac": mac,
            "entry": None if entry is None else str(entry),
            "link_up": link_up,
        }
        return int(self._ask(request)["changed"])

    def watch(self, sequence: int, *, wait_s: float) -> int:
        """Return the sequence as soon as it differs from *sequence*, or after *wait_s* (0 to 300).

        A changed sequence means: read again.
        """
        request = {"verb": "watch", "sequence": sequence, "wait_s": wait_s}
        return int(self._ask(request, wait_s)["sequence"])

    def _ask(self, request: dict[str, Any], wait_s: float = 0) -> dict[str, Any]:
        try:
            line = self._exchange(json.dumps(request).encode() + b"\n", wait_s)
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise EswitchUnreachable(
                f"cannot ask ibstack-eswitchd at {self._path}: {error}; "
                "check that the service ibstack-eswitchd runs, and that you are root "
                "or of the group it serves"
            ) from error
        if answer.get("ok") is not True:
            raise _ERRORS.get(answer.get("kind"), IbstackError)(answer.get("error", "no reason"))
        return answer  # type: ignore[no-any-return]

    def _exchange(self, request: bytes, wait_s: float) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asking:
            asking.settimeout(self._answer_timeout_s + wait_s)
            asking.connect(self._path)
            asking.sendall(request)
            with asking.makefile("rb") as answers:
                line = answers.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("it closed the connection without an answer")
        return line
