# SPDX-License-Identifier: Apache-2.0
"""What a host answered through ssh, or why it did not.  Pure."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from ibstack.fabric.printable import one_line
from ibstack.transport import remote_script
from ibstack.transport.host_answer import BadAnswer
from ibstack.transport.host_state import DOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.transport.ssh_task import SshOutput

_Value = TypeVar("_Value")

_SSH_FAILED: Final = 255
_NO_PROGRAM: Final = 127


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a host did not answer."""

    why: str
    """With the remedy; it does not name the host, so that it can be told of many at once."""
    state: str | None = None
    """DOWN, or None: not known."""
    flag: str = ""
    maybe_done: bool = False
    """Whether it may have done what it was asked."""


_SILENT: Final = NoAnswer("it does not answer", DOWN)
_KNOWN_FAILURES: Final[tuple[tuple[str, NoAnswer], ...]] = (
    # Of several that fit the first counts: ssh says more than one line of a key that changed.
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        NoAnswer(
            "its host key has changed; find out why, then replace the key in known_hosts",
            flag="host-key-changed",
        ),
    ),
    (
        "Host key verification failed",
        NoAnswer(
            "its host key is not known; add it to known_hosts (ssh-keyscan)",
            flag="host-key-unknown",
        ),
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        NoAnswer(
            "it refused the login; add the key to authorized_keys there, or set [ssh] user",
            flag="login-refused",
        ),
    ),
    (
        "Could not resolve hostname",
        NoAnswer("its name is not known here; add it to DNS or /etc/hosts", flag="name-unknown"),
    ),
    ("Connection refused", NoAnswer("connection refused", DOWN)),
    ("No route to host", NoAnswer("no route to host", DOWN)),
    ("Network is unreachable", NoAnswer("network is unreachable", DOWN)),
    # Before anything could be sent: of TCP, of a host whose sshd is held up, or both.
    ("connect to .*timed out|timed out during banner exchange", _SILENT),
    ("Connection (timed out|to .* timed out)", _SILENT),
)
"""Words of OpenSSH (messages in C), and what they mean; tests/transport/test_ssh_trouble.py."""


def answer(
    output: SshOutput, timeout_s: int, most_bytes: int, read: Callable[[object], _Value]
) -> _Value | NoAnswer:
    """Return what *read* makes of the host's answer, or why there is none.

    *most_bytes*: of an answer when it is unpacked; *read* raises BadAnswer for one that it is not.
    """
    if output.too_large:
        return NoAnswer(
            "its answer is too large; see what it prints", flag="garbled", maybe_done=True
        )
    if output.status is None:
        why = f"no answer within {timeout_s} s; see what holds it up, or set [ssh] timeout"
        return NoAnswer(why, flag="timed-out", maybe_done=True)
    text = _between_marks(output.out)
    if text is not None:
        try:
            return read(remote_script.unpacked(text, most_bytes))
        except (BadAnswer, ValueError, zlib.error, RecursionError) as error:
            why = f"its answer was garbled: {one_line(str(error))}"
            return NoAnswer(why, flag="garbled", maybe_done=True)
    lines = [one_line(line.decode(errors="replace")) for line in output.err]
    if output.status == _SSH_FAILED:
        return _ssh_failure(lines)
    last = next((line for line in reversed(lines) if line), f"exit status {output.status}")
    if output.status == _NO_PROGRAM:
        why = f"there is no Python: {last}; install it, or set [ssh] python"
        return NoAnswer(why, flag="no-python")
    return NoAnswer(f"Python there failed: {last}", flag="failed", maybe_done=True)


def _between_marks(lines: list[bytes]) -> str | None:
    """Return the answer, without what else was printed; None where it has no end."""
    texts = [line.decode(errors="replace").rstrip() for line in lines]
    if remote_script.END not in texts:
        return None
    marked = (line for line in texts if line.startswith(remote_script.MARK))
    return "".join(line.removeprefix(remote_script.MARK) for line in marked)


def _ssh_failure(lines: list[str]) -> NoAnswer:
    for pattern, failure in _KNOWN_FAILURES:
        if any(re.search(pattern, line) for line in lines):
            return failure
    last = next((line for line in reversed(lines) if line), "ssh says nothing of it")
    return NoAnswer(f"the connection was lost ({last})", flag="connection-lost", maybe_done=True)
