# SPDX-License-Identifier: Apache-2.0
"""ebrctl: nova's way to plug and unplug a virtual function.

Nova waits for this process, so it imports next to nothing; what its words mean is for
ibstack-eswitchd to judge.  The words are those of networking-mlnx, as nova spells them
(nova/privsep/libvirt.py, plug_infiniband_vif and unplug_infiniband_vif).
"""

import json
import os
import socket
import sys
import time

_DEFAULT_SOCKET = "/run/ibstack/eswitchd.sock"
_DEFAULT_WAIT_S = 60.0
_LONGEST_WAIT_S = 300.0
_VNIC_TYPES = ("ib_hostdev", "hostdev")
_AGAIN_S = 0.2
_ANSWER_TIMEOUT_S = 30.0
_LONGEST_LINE = 1 << 20

DONE, FAILED, BAD_INPUT, PENDING = 0, 1, 2, 4
_EXIT_CODES = {"bad-input": BAD_INPUT, "try-later": PENDING, "refused": FAILED}

_USAGE = """\
usage: ebrctl add-port MAC DEVICE_ID FABRIC VNIC_TYPE PCI_SLOT [--wait SECONDS]
       ebrctl del-port FABRIC MAC [--wait SECONDS]

Gives an InfiniBand virtual function of this host to an instance, and takes it back.

  --wait SECONDS  how long to wait until it is programmed, 0 to 300 (default 60)

example: ebrctl add-port fa:16:3e:aa:bb:cc 6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10 \\
             ibhostnet ib_hostdev 0000:05:00.1

exit codes: 0 done; 1 failed or refused; 2 bad input; 4 not done yet: it stays attached, and
ibstack-agent goes on.  The socket of ibstack-eswitchd is taken from IBSTACK_ESWITCHD_SOCKET.
"""


class _Trouble(Exception):
    """What to say, and how to exit."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def main() -> int:
    """Entry point of ebrctl."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        (sys.stdout if words else sys.stderr).write(_USAGE)
        return DONE if words else BAD_INPUT
    try:
        request, wait_s = _parse(words)
        _check(request, _ask(request, wait_s))
    except _Trouble as trouble:
        sys.stderr.write(f"ebrctl: {trouble}\n")
        return trouble.code
    except KeyboardInterrupt:
        return FAILED
    return DONE


def _parse(words: list[str]) -> tuple[dict[str, object], float]:
    words, wait_s = _take_wait(list(words))
    verb, *rest = words or [""]
    if verb == "add-port" and len(rest) == 5:
        mac, _device_id, fabric, vnic_type, pci = rest
        if vnic_type not in _VNIC_TYPES:
            raise _Trouble(
                BAD_INPUT,
                f"cannot add port {mac}: vnic type {vnic_type!r}: expected {_VNIC_TYPES[0]}",
            )
        return {
            "verb": "attach",
            "physical_network": fabric,
            "mac": mac,
            "pci": pci,
            "wait_s": wait_s,
        }, wait_s
    if verb == "del-port" and len(rest) == 2:
        return {"verb": "detach", "physical_network": rest[0], "mac": rest[1]}, wait_s
    raise _Trouble(BAD_INPUT, f"cannot do {' '.join(words)!r}: see ebrctl --help")


def _take_wait(words: list[str]) -> tuple[list[str], float]:
    if "--wait" not in words:
        return words, _DEFAULT_WAIT_S
    at = words.index("--wait")
    text = "".join(words[at + 1 : at + 2])
    try:
        wait_s = float(text)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= _LONGEST_WAIT_S:
        raise _Trouble(BAD_INPUT, f"cannot wait {text!r}: expected --wait with 0 to 300 seconds")
    return words[:at] + words[at + 2 :], wait_s


def _ask(request: dict[str, object], wait_s: float) -> dict[str, object]:
    """Return the daemon's answer; ask again while it is away: every verb may be repeated."""
    path = os.environ.get("IBSTACK_ESWITCHD_SOCKET") or _DEFAULT_SOCKET
    deadline = time.monotonic() + wait_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        if "wait_s" in request:
            request["wait_s"] = left
        try:
            return _exchange(path, request, left)
        except (OSError, ValueError) as error:
            if time.monotonic() + _AGAIN_S > deadline or isinstance(error, PermissionError):
                raise _Trouble(
                    FAILED,
                    f"cannot ask ibstack-eswitchd at {path}: {error}; "
                    "check that the service ibstack-eswitchd runs, and be root",
                ) from error
        time.sleep(_AGAIN_S)


def _exchange(path: str, request: dict[str, object], wait_s: float) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(wait_s + _ANSWER_TIMEOUT_S)
        asking.connect(path)
        asking.sendall(json.dumps(request).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            part = asking.recv(65536)
            if not part or len(line) > _LONGEST_LINE:
                raise ConnectionResetError("it closed the connection without an answer")
            line += part
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ConnectionResetError("its answer is no JSON object")
    return answer


def _check(request: dict[str, object], answer: dict[str, object]) -> None:
    if answer.get("ok") is not True:
        code = _EXIT_CODES.get(str(answer.get("kind")), FAILED)
        raise _Trouble(code, str(answer.get("error", "cannot do that: no reason was given")))
    if answer.get("state") == "pending":
        raise _Trouble(
            PENDING,
            f"cannot finish VF {request['pci']} for {request['mac']} yet: {answer.get('why')}; "
            "it stays attached",
        )


if __name__ == "__main__":
    sys.exit(main())
