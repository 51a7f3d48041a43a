# SPDX-License-Identifier: Apache-2.0
"""What a host is asked and told, on the host itself: its files, its services, a restart.

The second part of the program that a host's Python is given (remote_program.py): beside the first
one, remote_files.py, it imports the standard library alone, and keeps to Python 3.6.
"""

import base64
import json
import os
import subprocess
import zlib
from typing import Any, Dict, List, Optional

from ibstack.transport.remote_files import (
    Overtaken,
    Refusal,
    apply_files,
    asked_paths,
    failure,
    read,
)

# What Python 3.6 does not know yet is not for here.
# ruff: noqa: UP006, UP021, UP022, UP031, UP035, UP045, B905

MARK = "ibstack:"
"""Begins each line of an answer: a host may say other things when somebody logs in."""
END = "ibstack."
_LINE = 4000

_STATES = {"active": "UP", "reloading": "UP", "activating": "UP", "failed": "FAILING"}


def service_states(names: List[str]) -> Dict[str, str]:
    """Return UP, DOWN or FAILING for each service, as systemd says; one that it has not is DOWN."""
    if not names:
        return {}
    asked = ["systemctl", "show", "--property=ActiveState,SubState", "--"]
    said = _systemctl(asked + [_unit(name) for name in names])
    shown = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in said.strip().split("\n\n")
    ]
    if len(shown) != len(names):
        raise Refusal("systemctl told of %d services, not of %d" % (len(shown), len(names)))
    return {name: _state(each) for name, each in zip(names, shown)}


def _state(shown: Dict[str, str]) -> str:
    if shown.get("SubState") == "auto-restart":
        return "FAILING"
    return _STATES.get(shown.get("ActiveState", ""), "DOWN")


def apply_service(name: str, action: Optional[str], at_boot: Optional[bool]) -> str:
    """Do it; return why it failed, or nothing."""
    verbs = [] if action is None else ["reset-failed" if action == "reset" else action]
    if at_boot is not None:
        verbs.append("enable" if at_boot else "disable")
    try:
        for verb in verbs:
            _systemctl(["systemctl", "--quiet", verb, "--", _unit(name)])
    except (OSError, Refusal) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def _unit(name: str) -> str:
    return (
        name if name.endswith((".service", ".socket", ".target", ".timer")) else name + ".service"
    )


def _systemctl(argv: List[str]) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env=dict(os.environ, LC_ALL="C"),
        )
    except FileNotFoundError:
        raise Refusal("there is no systemctl") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["systemctl exited %d" % done.returncode]
        raise Refusal(said[0])
    return done.stdout


def query(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Return what was asked for of the host."""
    files = {}  # type: Dict[str, Any]
    for path in asked_paths(root, request["files"]):
        try:
            content = read(root, path, request["linked"])
            files[path] = {"content": None if content is None else _to_text(content)}
        except (OSError, Refusal) as error:
            files[path] = {"failed": failure("read", path, error)}
    answer = {"files": files, "services": {}, "failed": ""}  # type: Dict[str, Any]
    try:
        answer["services"] = service_states(request["services"])
    except (OSError, Refusal) as error:
        answer["failed"] = failure("look at", "services", error)
    for what, path in (("boot", "/proc/sys/kernel/random/boot_id"), ("kernel", "/proc/cmdline")):
        try:
            with open(os.path.join(root, path.lstrip("/"))) as file:
                answer[what] = file.read().strip()
        except OSError:
            answer[what] = None
    return answer


def apply(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Do what was asked for to the host's files, then to its services."""
    requests = [
        (
            each["path"],
            each["before"],
            None if each["after"] is None else base64.b64decode(each["after"]),
            each["mode"],
            each["group"],
            each["keep"],
            each["secret"],
        )
        for each in request["files"]
    ]
    try:
        files = apply_files(root, requests, request["kept"], request["stamp"], request["revision"])
    except OSError as error:
        return {"failed": failure("write", "files", error)}
    except Overtaken as error:
        return {"overtaken": error.revision}
    if files is None:
        return {"stale": True}
    services = [apply_service(*each) for each in request["services"]]
    return {"files": files, "services": services}


def reboot(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Ask systemd to start the host again."""
    try:
        _systemctl(["systemctl", "reboot"])
    except (OSError, Refusal) as error:
        return {"failed": failure("reboot", "it", error)}
    return {}


def run(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Run a command; return its status, its output and the last line of its errors."""
    argv = request["command"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, LC_ALL="C"),
            timeout=request["timeout"],
        )
    except OSError as error:
        return {"failed": "%s cannot be run: %s" % (argv[0], error.strerror)}
    except subprocess.TimeoutExpired:
        return {"failed": "it took longer than %s s" % request["timeout"]}
    if len(done.stdout) > request["most"]:
        return {"failed": "its answer is too large"}
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    out = done.stdout.decode("utf-8", "replace")
    return {"status": done.returncode, "out": out, "err": said[-1][:4000] if said else ""}


def _to_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def main(said: str) -> None:
    """Do what a request, as `packed` makes it, asks for; print the answer."""
    request = unpacked(said)
    verb = {"query": query, "apply": apply, "reboot": reboot, "run": run}[request["do"]]
    # As for the scripts of an installation: the folder that is the host's /.
    answer = packed(verb(os.environ.get("IBSTACK_ROOT", "/"), request))
    for start in range(0, len(answer), _LINE):
        print(MARK + answer[start : start + _LINE])
    print(END)


def packed(value: Any) -> str:
    """Return *value*, which JSON can hold, as one word of ASCII."""
    return _to_text(zlib.compress(json.dumps(value).encode("utf-8"), 1))


def unpacked(text: str, most_bytes: int = 0) -> Any:
    """Return the value; ValueError, zlib.error or RecursionError for what `packed` did not make.

    Also for what is larger than *most_bytes* when it is unpacked; 0: any size will do.
    """
    reader = zlib.decompressobj()
    said = reader.decompress(base64.b64decode(text, validate=True), most_bytes)
    if reader.unconsumed_tail:
        raise ValueError("it is larger than %d bytes" % most_bytes)
    if not reader.eof or reader.unused_data:
        raise ValueError("it is not whole")
    return json.loads(said.decode("utf-8"))
