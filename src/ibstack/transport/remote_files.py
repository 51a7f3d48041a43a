# SPDX-License-Identifier: Apache-2.0
"""How files of a host are read, replaced, removed and kept aside, on the host itself.

Part of the program that a host's Python is given (remote_program.py), with nothing of ibstack
there: it imports the standard library alone and keeps to Python 3.6, the oldest that a supported
distribution has.  Hosts that are folders of this machine are read and written with it too.
"""

import fcntl
import fnmatch
import hashlib
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from typing import Dict, List, Optional, Tuple

# What Python 3.6 does not know yet is not for here.
# ruff: noqa: UP006, UP031, UP035, UP045

LARGEST_BYTES = 4 * 1024 * 1024
NEWEST = 10
"""How many copies of one file are kept aside."""
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


def place(root: str, path: str, linked: bool = False) -> str:
    """Return where *path* is below *root*; Refusal for a link, or a way that leads outside.

    *linked*: folders on its way may be links that stay within *root*, as /lib is to /usr/lib.
    """
    found = os.path.join(root, path.lstrip("/"))
    inside = os.path.realpath(root)
    folder = os.path.realpath(os.path.dirname(found))
    if os.path.commonpath([inside, folder]) != inside:
        raise Refusal("a folder on its way leads outside %s" % inside)
    if not linked:
        _check_folders(inside, os.path.dirname(path).strip("/"))
    if os.path.islink(found):
        link = os.readlink(found)
        raise Refusal("it is a symbolic link to %s; replace it by a file, or freeze it" % link)
    return found


def _check_folders(inside: str, folder: str) -> None:
    """Raise Refusal for a link on the way to *folder*, which is below *inside*."""
    way = inside
    for name in folder.split("/"):
        way = os.path.join(way, name)
        if os.path.islink(way):
            raise Refusal(
                "the folder /%s on its way is a symbolic link to %s; mount it there instead, or"
                " freeze the file" % (os.path.relpath(way, inside), os.readlink(way))
            )


def read(root: str, path: str, linked: bool = False) -> Optional[bytes]:
    """Return what stands there; None where there is no file.  *linked*: as of `place`."""
    if not os.path.lexists(os.path.join(root, path.lstrip("/"))):
        return None
    try:
        # A pipe that somebody made there must not be waited for.
        handle = os.open(place(root, path, linked), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
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


def asked_paths(root: str, paths: List[str]) -> List[str]:
    """Return the paths, and in place of each with a `*` those that are there."""
    return [p for path in paths for p in (matching(root, path) if "*" in path else [path])]


def write(
    root: str, path: str, content: bytes, mode: int, group: str = "", secret: bool = False
) -> str:
    """Replace the file in one step; one that is there keeps its mode and owner.

    A new one is its owner's alone where the host has no such *group*; empty: it needs none.  With a
    *secret* in it one that is there loses what a new one would not have: returns how, or nothing.
    """
    target = place(root, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    number = group_number(root, group) if group else -1
    wanted = mode & 0o700 if group and number < 0 else mode
    narrowed = _narrowed(target, wanted, number) if secret else None
    _replace(target, content, wanted, number, narrowed)
    if narrowed is None:
        return ""
    given = " and given to group %s" % group if narrowed.group >= 0 else ""
    return "narrowed from %04o to %04o%s, for it holds a secret" % (
        narrowed.former,
        narrowed.mode,
        given,
    )


class _Narrowed:
    """The mode of a file that comes to hold a secret, and whose it becomes."""

    def __init__(self, former: int, mode: int, group: int) -> None:
        self.former = former
        self.mode = mode
        self.group = group
        """-1: the group that it has."""


def _narrowed(target: str, wanted: int, group: int) -> Optional[_Narrowed]:
    """Return how the file that is there is narrowed; None where it is narrow, or not there.

    Who read it as one of all users, and is of *group*, reads it as that.
    """
    try:
        before = os.stat(target)
    except FileNotFoundError:
        return None
    former = before.st_mode & 0o7777
    mode = former & ~0o777 | former & wanted & 0o777
    if mode == former:
        return None
    open_to_all = former & 0o004 and wanted & 0o040 and group >= 0 and before.st_gid != group
    if not open_to_all:
        return _Narrowed(former, mode, -1)
    return _Narrowed(former, mode & ~0o070 | wanted & 0o040, group)


def group_number(root: str, group: str) -> int:
    """Return the number of *group* on the host whose / is *root*; -1 where it has none such.

    Also where who runs this may not give a file away.
    """
    if os.geteuid() != 0:
        return -1
    if os.path.realpath(root) == "/":
        # Groups may come from elsewhere than /etc/group (nsswitch.conf(5)).
        import grp

        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            return -1
    try:
        lines = (read(root, "/etc/group") or b"").decode("utf-8", "replace").splitlines()
    except (OSError, Refusal):
        return -1
    for fields in (line.split(":") for line in lines):
        if len(fields) == 4 and fields[0] == group and fields[2].isdigit():
            return int(fields[2])
    return -1


def remove(root: str, path: str) -> None:
    """Remove the file; one that is not there is well too."""
    with suppress(FileNotFoundError):
        os.unlink(place(root, path))


def keep(root: str, path: str, kept: str, stamp: str) -> str:
    """Copy the file below the folder *kept*, its name dated with *stamp*; return that place.

    Of the copies of one file the newest NEWEST stay.
    """
    source = place(root, path)
    with open(source, "rb") as file:
        content = file.read()
    mode = os.stat(source).st_mode & 0o777
    first = os.path.join(kept, path.lstrip("/")) + "." + stamp
    folder = os.path.dirname(place(root, first))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    before = _copies(folder, os.path.basename(path))
    number = 1 + max([number for each, number, _ in before if each == stamp], default=0)
    copy = first if number == 1 else "%s.%d" % (first, number)
    _replace(place(root, copy), content, mode)
    for _, _, old in before[: max(0, len(before) + 1 - NEWEST)]:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, old))
    return copy


def _copies(folder: str, name: str) -> List[Tuple[str, int, str]]:
    """Return (date, number, name) of each copy of the file *name*, the oldest first."""
    pattern = re.compile(re.escape(name) + r"\.([0-9]{8}T[0-9]{6}Z)(?:\.([0-9]+))?")
    found = [pattern.fullmatch(each) for each in os.listdir(folder)]
    return sorted((each.group(1), int(each.group(2) or 1), each.group()) for each in found if each)


def _replace(
    target: str,
    content: bytes,
    mode: int,
    group: int = -1,
    narrowed: Optional[_Narrowed] = None,
) -> None:
    """Put *content* there so that any reader sees the old file or the new one, whole.

    *mode* and *group*, a number or -1 for ours, are of a file that is not there yet.
    """
    folder, name = os.path.split(target)
    handle, scratch = tempfile.mkstemp(prefix=".%s." % name, dir=folder)
    try:
        with open(handle, "wb") as out:
            out.write(content)
            out.flush()
            _set_owner(target, handle, mode, group)
            if narrowed is not None:
                os.fchown(handle, -1, narrowed.group)
                os.fchmod(handle, narrowed.mode)
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


def _set_owner(target: str, handle: int, mode: int, group: int) -> None:
    try:
        before = os.stat(target)
    except FileNotFoundError:
        os.fchown(handle, -1, group)
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


FileRequest = Tuple[str, Optional[str], Optional[bytes], int, str, bool, bool]
"""Path, digest of what was seen there, content to be there, mode and group of a new file, whether
the former is kept, whether the content holds a secret."""

FileDone = Tuple[str, str, str]
"""Where the former file was kept, why it failed, how its mode was narrowed; each may be empty."""


def apply_files(
    root: str, requests: List[FileRequest], kept: str, stamp: str, revision: int = 0
) -> Optional[Dict[str, FileDone]]:
    """Return by path what became of each file.

    None: another content stands in one of the files than was seen, and nothing was done.
    Overtaken, and nothing was done, where a commit newer than *revision* was brought since the host
    started; 0: the files are of no commit.  OSError where another rollout is at work for too long.
    """
    if not requests:
        return {}
    try:
        lock = _lock(root)
    except Refusal as error:
        raise OSError(1, "%s: %s" % (LOCK, error)) from None
    try:
        _take_turn(lock, revision)
        failed = {}  # type: Dict[str, FileDone]
        for path, before, _, _, _, _, _ in requests:
            try:
                if digest(read(root, path)) != before:
                    return None
            except (OSError, Refusal) as error:
                failed[path] = ("", failure("read", path, error), "")
        done = {
            request[0]: _apply_file(root, request, kept, stamp)
            for request in requests
            if request[0] not in failed
        }
        return {**failed, **done}
    finally:
        os.close(lock)


def _apply_file(root: str, request: FileRequest, kept: str, stamp: str) -> FileDone:
    path, _, after, mode, group, keeps, secret = request
    copy, doing, narrowed = "", "keep", ""
    try:
        if keeps:
            copy = keep(root, path, kept, stamp)
        if after is None:
            doing = "remove"
            remove(root, path)
        else:
            doing = "write"
            narrowed = write(root, path, after, mode, group, secret)
    except (OSError, Refusal) as error:
        return copy, failure(doing, path, error), ""
    return copy, "", narrowed


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
