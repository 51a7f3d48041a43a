# SPDX-License-Identifier: Apache-2.0
"""Asking ibstack-eswitchd: the verbs of its socket (docs/reference/protocols.md)."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater
from ibstack.formats.codec import from_json, record, to_json
from ibstack.host.client.observed import AttachmentState, ObservedHost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress

_T = TypeVar("_T")

DEFAULT_SOCKET: Final = "/run/ibstack/eswitchd.sock"
_ANSWER_TIMEOUT_S: Final = 30.0
_LONGEST_ANSWER: Final = 16 << 20  # Bytes; 1000 VFs take 200 KB.

_ERRORS: Final[dict[str, type[IbstackError]]] = {
    "bad-input": BadInput,
    "try-later": TryLater,
    "refused": Refused,
    "failed": IbstackError,
}


class EswitchUnreachable(TryLater):
    """ibstack-eswitchd does not run, does not answer, or does not let us in."""


@record
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
        return self._ask("read", partial(from_json, ObservedHost))

    def attach(
        self, physical_network: str, mac: str, pci: PciAddress, *, wait_s: float = 0
    ) -> Attached:
        """Give the VF at *pci* to *mac*; wait up to *wait_s* (0 to 300) until it is programmed."""
        request = {"physical_network": physical_network, "mac": mac, "pci": pci, "wait_s": wait_s}
        return self._ask("attach", partial(from_json, Attached), request, wait_s)

    def adopt(self, physical_network: str, mac: str, pci: PciAddress, entry: TableEntry) -> bool:
        """Put on record a VF that others gave to *mac*; return whether it was not there yet.

        Refused where the VF is not just so already; nothing is written to it.
        """
        request = {"physical_network": physical_network, "mac": mac, "pci": pci, "entry": entry}
        return self._ask("adopt", lambda answer: bool(answer["adopted"]), request)

    def detach(self, physical_network: str, mac: str) -> bool:
        """Clear the VF of *mac* and forget it; return whether there was one."""
        request = {"physical_network": physical_network, "mac": mac}
        return self._ask("detach", lambda answer: bool(answer["detached"]), request)

    def configure(
        self,
        pci: PciAddress,
        mac: str,
        entry: TableEntry | None,
        *,
        link_up: bool,
        instance: str | None = None,
    ) -> int:
        """Give the attached VF its table entry and link; return the number of writes it took.

        *instance*: nova's id of whose it is; None: not known, so what was known stays.

        TryLater where the physical port's table (mlx4) does not hold *entry* yet.
        """
        request = {"pci": pci, "mac": mac, "entry": entry, "link_up": link_up}
        request |= {} if instance is None else {"instance": instance}
        return self._ask("configure", lambda answer: int(answer["changed"]), request)

    def disown(self, pci: PciAddress, mac: str, *, left: bool) -> int:
        """Take the attached VF off every partition, as it has no port; return the writes it took.

        *left*: it is not waited for either, and is freed where no guest has it.
        """
        request = {"pci": pci, "mac": mac, "left": left}
        return self._ask("disown", lambda answer: int(answer["changed"]), request)

    def watch(self, sequence: int, *, wait_s: float) -> int:
        """Return the sequence as soon as it differs from *sequence*, or after *wait_s* (0 to 300).

        A changed sequence means: read again.
        """
        request = {"sequence": sequence, "wait_s": wait_s}
        return self._ask("watch", lambda answer: int(answer["sequence"]), request, wait_s)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many requests it has answered since it started, by verb and result.

        The result is "done", or the kind of the refusal.
        """
        return self._ask(
            "counts",
            lambda found: {(e["verb"], e["result"]): int(e["count"]) for e in found["requests"]},
        )

    def _ask(
        self,
        verb: str,
        read: Callable[[dict[str, Any]], _T],
        request: Mapping[str, object] = MappingProxyType({}),
        wait_s: float = 0,
    ) -> _T:
        """Return what *read* makes of the answer; EswitchUnreachable for one of another shape."""
        message = json.dumps({"verb": verb, **to_json(request)})
        try:
            answer = json.loads(self._exchange(message.encode() + b"\n", wait_s))
            if not isinstance(answer, dict):
                raise ConnectionResetError("its answer is no JSON object")
        except (OSError, ValueError, RecursionError) as error:
            raise EswitchUnreachable(
                f"cannot ask ibstack-eswitchd at {self._path}: {error}; "
                "check that the service ibstack-eswitchd runs, and that you are root "
                "or of the group it serves"
            ) from error
        if answer.get("ok") is not True:
            kind = _ERRORS.get(str(answer.get("kind")), IbstackError)
            raise kind(str(answer.get("error", "no reason")))
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise EswitchUnreachable(
                f"cannot read the answer of ibstack-eswitchd at {self._path}:"
                f" {type(error).__name__}: {str(error)[:200]}; restart ibstack-eswitchd, so that"
                " it runs the release that is installed"
            ) from error

    def _exchange(self, request: bytes, wait_s: float) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asking:
            asking.settimeout(self._answer_timeout_s + wait_s)
            asking.connect(self._path)
            asking.sendall(request)
            with asking.makefile("rb") as answers:
                line = answers.readline(_LONGEST_ANSWER)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("it closed the connection without an answer")
        return line
