# SPDX-License-Identifier: Apache-2.0
"""What is done on a host itself: its files are read and replaced, its services asked and told.

This text is what `python3 -` on a host is given, with nothing of ibstack there: it imports the
standard library alone and keeps to Python 3.6, the oldest that a supported distribution has.
"""

import base64
import fcntl
import fnmatch
import hashlib
import json
import os
import stat
import subprocess
import tempfile
import time
import zlib
from contextlib import suppress
from typing import Any, Dict, List, Optional, Tuple

# What Python 3.6 does not know yet is not for here.
# ruff: noqa: UP006, UP021, UP022, UP031, UP035, UP045, B905

LARGEST_BYTES = 4 * 1024 * 1024
MARK = "ibstack:"
"""Begins each line of an answer: a host may say other things when somebody logs in."""
END = "ibstack."
_LINE = 4000
_LOCK_WAIT_S = 20.0
LOCK = "/run/ibstack-rollout.lock"
"""What a rollout holds: only root can open it, so that nobody else can hold it up."""


class Refusal(Exception):
    """What must not be done, with the remedy."""


class Overtaken(Exception):
    """A newer commit was here before."""

    def __init__(self, revision: int) -> None:
        Exception.__init__(self, "commit %d was here before" % revision)
        self.revision = revision


def place(root: str, path: str) -> str:
    """Return where *path* is below *root*; Refusal for a link, or a way that leads outside."""
    found = os.path.join(root, path.lstrip("/"))
    inside = os.path.realpath(root)
    folder = os.path.realpath(os.path.dirname(found))
    if os.path.commonpath([inside, folder]) != inside:
        raise Refusal("a folder on its way leads outside %s" % inside)
    if os.path.islink(found):
        link = os.readlink(found)
        raise Refusal("it is a symbolic link to %s; replace it by a file, or freeze it" % link)
    return found


def read(root: str, path: str) -> Optional[bytes]:
    """Return what stands there; None where there is no file."""
    if not os.path.lexists(os.path.join(root, path.lstrip("/"))):
        return None
    try:
        # A pipe that somebody made there must not be waited for.
        handle = os.open(place(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refusal("it is no file; move it away, or freeze it")
        if found.st_size > LARGEST_BYTES:
            raise Refusal("it is larger than %d bytes; look why, or freeze it" % LARGEST_BYTES)
        return file.read()


def matching(root: str, pattern: str) -> List[str]:
    """Return the paths that are there of *pattern*, whose last part may have a `*`; not .files."""
    folder, name = os.path.split(pattern)
    if "*" not in name:
        return [pattern] if os.path.lexists(os.path.join(root, pattern.lstrip("/"))) else []
    try:
        names = sorted(os.listdir(os.path.join(root, folder.lstrip("/"))))
    except OSError:
        return []
    found = [each for each in names if not each.startswith(".") and fnmatch.fnmatch(each, name)]
    return [os.path.join(folder, each) for each in found]


def write(root: str, path: str, content: bytes, mode: int) -> None:
    """Replace the file in one step; one that is there keeps its mode and owner."""
    target = place(root, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    _replace(target, content, mode)


def remove(root: str, path: str) -> None:
    """Remove the file; one that is not there is well too."""
    with suppress(FileNotFoundError):
        os.unlink(place(root, path))


def keep(root: str, path: str, kept: str, stamp: str) -> str:
    """Copy the file below the folder *kept*, its name dated with *stamp*; return that place."""
    source = place(root, path)
    with open(source, "rb") as file:
        content = file.read()
    mode = os.stat(source).st_mode & 0o777
    first = os.path.join(kept, path.lstrip("/")) + "." + stamp
    copy, number = first, 1
    while os.path.lexists(os.path.join(root, copy.lstrip("/"))):
        number += 1
        copy = "%s.%d" % (first, number)
    target = place(root, copy)
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    _replace(target, content, mode)
    return copy


def _replace(target: str, content: bytes, mode: int) -> None:
    """Put *content* there so that any reader sees the old file or the new one, whole."""
    folder, name = os.path.split(target)
    handle, scratch = tempfile.mkstemp(prefix=".%s." % name, dir=folder)
    try:
        with open(handle, "wb") as out:
            out.write(content)
            out.flush()
            _copy_owner(target, handle, mode)
            os.fsync(handle)
        os.replace(scratch, target)
    except BaseException:
        os.unlink(scratch)
        raise
    place_of_name = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place_of_name)
    finally:
        os.close(place_of_name)


def _copy_owner(target: str, handle: int, mode: int) -> None:
    try:
        before = os.stat(target)
    except FileNotFoundError:
        os.fchmod(handle, mode)
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, before.st_mode & 0o7777)


def failure(doing: str, path: str, error: Exception) -> str:
    """Return the message of what could not be done with a file."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return "cannot %s %s: %s" % (doing, path, why)


def digest(content: Optional[bytes]) -> Optional[str]:
    """Return what tells one content from another; None: no file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


FileOrder = Tuple[str, Optional[str], Optional[bytes], int, bool]
"""Path, digest of what was seen there, content to be there, mode, whether the former is kept."""


def bring_files(
    root: str, orders: List[FileOrder], kept: str, stamp: str, revision: int = 0
) -> Optional[Dict[str, Tuple[str, str]]]:
    """Return by path where the former file was kept and why it failed; each may be empty.

    None: another content stands in one of the files than was seen, and nothing was done.
    Overtaken, and nothing was done, where a commit newer than *revision* was brought since the host
    started; 0: the files are of no commit.  OSError where another rollout is at work for too long.
    """
    if not orders:
        return {}
    try:
        lock = _lock(root)
    except Refusal as error:
        raise OSError(1, "%s: %s" % (LOCK, error)) from None
    try:
        _take_turn(lock, revision)
        failed = {}  # type: Dict[str, Tuple[str, str]]
        for path, before, _, _, _ in orders:
            try:
                if digest(read(root, path)) != before:
                    return None
            except (OSError, Refusal) as error:
                failed[path] = ("", failure("read", path, error))
        done = {
            order[0]: _bring_file(root, order, kept, stamp)
            for order in orders
            if order[0] not in failed
        }
        return {**failed, **done}
    finally:
        os.close(lock)


def _bring_file(root: str, order: FileOrder, kept: str, stamp: str) -> Tuple[str, str]:
    path, _, after, mode, keeps = order
    copy, doing = "", "keep"
    try:
        if keeps:
            copy = keep(root, path, kept, stamp)
        if after is None:
            doing = "remove"
            remove(root, path)
        else:
            doing = "write"
            write(root, path, after, mode)
    except (OSError, Refusal) as error:
        return copy, failure(doing, path, error)
    return copy, ""


def _lock(root: str) -> int:
    """Keep other rollouts to this host out until what is returned is closed."""
    name = place(root, LOCK)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                raise OSError(11, "another rollout is at work there") from None
            time.sleep(0.05)


def _take_turn(lock: int, revision: int) -> None:
    """Note in the lock's file the newest commit that came here; Overtaken by a newer one."""
    known = os.pread(lock, 20, 0).strip()
    before = int(known) if known.isdigit() else 0
    if revision and before > revision:
        raise Overtaken(before)
    if revision > before:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % revision, 0)


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


def bring_service(name: str, action: Optional[str], at_boot: Optional[bool]) -> str:
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


def asked_paths(root: str, paths: List[str]) -> List[str]:
    """Return the paths, and in place of each with a `*` those that are there."""
    return [p for path in paths for p in (matching(root, path) if "*" in path else [path])]


def look(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Return what was asked for of the host."""
    files = {}  # type: Dict[str, Any]
    for path in asked_paths(root, request["files"]):
        try:
            content = read(root, path)
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


def bring(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Do what was asked for to the host's files, then to its services."""
    orders = [
        (
            each["path"],
            each["before"],
            None if each["after"] is None else base64.b64decode(each["after"]),
            each["mode"],
            each["keep"],
        )
        for each in request["files"]
    ]
    try:
        files = bring_files(root, orders, request["kept"], request["stamp"], request["revision"])
    except OSError as error:
        return {"failed": failure("write", "files", error)}
    except Overtaken as error:
        return {"overtaken": error.revision}
    if files is None:
        return {"stale": True}
    services = [bring_service(*each) for each in request["services"]]
    return {"files": files, "services": services}


def reboot(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Ask systemd to start the host again."""
    try:
        _systemctl(["systemctl", "reboot"])
    except (OSError, Refusal) as error:
        return {"failed": failure("reboot", "it", error)}
    return {}


def _to_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def main(said: str) -> None:
    """Do what a request, as `packed` makes it, asks for; print the answer."""
    request = unpacked(said)
    deed = {"look": look, "bring": bring, "reboot": reboot}[request["do"]]
    # As for the scripts of an installation: the folder that is the host's /.
    answer = packed(deed(os.environ.get("IBSTACK_ROOT", "/"), request))
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
