# SPDX-License-Identifier: Apache-2.0
"""What holds of hosts however they are reached."""

import fcntl
import os
from pathlib import Path, PurePosixPath
from typing import Protocol

import pytest

from ibstack.cluster.rollout.hosts import Hosts
from ibstack.transport.apply_request import ApplyRequest, FileRequest, ServiceRequest
from ibstack.transport.host_state import DOWN, UP
from ibstack.transport.query import Query

HERE, THERE, AWAY = "node001", "node002", "node009"
FILE = PurePosixPath("/etc/neutron/dhcp_agent.ini")
OTHER = PurePosixPath("/etc/modprobe.d/mlx4_core.conf")
KEPT = "/var/spool/ibstack/kept/etc/neutron/dhcp_agent.ini.20141017T084209Z"


class Rig(Protocol):
    """Two hosts that are UP, with the services `opensm` (DOWN) and `eswitchd` (UP), and one that
    is away.
    """

    hosts: Hosts

    def root(self, name: str) -> Path: ...


class HostsContract:
    """The class is the same for every way."""

    def place(self, rig: Rig, path: PurePosixPath = FILE, name: str = HERE) -> Path:
        found = rig.root(name) / path.relative_to("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def test_a_look_tells_of_files_and_services(self, rig: Rig) -> None:
        self.place(rig).write_bytes(b"[DEFAULT]\n\xff\n")
        asked = Query((FILE, OTHER), ("opensm", "eswitchd", "nobody"))

        seen = rig.hosts.query({HERE: asked, THERE: asked})

        assert seen[HERE].up
        assert seen[HERE].files.contents == {FILE: b"[DEFAULT]\n\xff\n", OTHER: None}
        assert seen[THERE].files.contents == {FILE: None, OTHER: None}
        expected = {"opensm": DOWN, "eswitchd": UP, "nobody": DOWN}
        assert dict(seen[HERE].services) == expected

    def test_files_are_looked_at_by_a_pattern_too(self, rig: Rig) -> None:
        folder = PurePosixPath("/etc/clustershell/groups.d")
        for name in ("b.yaml", "a.yaml", ".hidden.yaml", "c.yml"):
            self.place(rig, folder / name).write_text(name)
        (self.place(rig, folder / "d.yaml")).symlink_to("a.yaml")
        pattern, missing = folder / "*.yaml", PurePosixPath("/etc/nowhere/*.conf")

        files = rig.hosts.query({HERE: Query((pattern, missing))})[HERE].files

        assert files.contents == {folder / name: name.encode() for name in ("a.yaml", "b.yaml")}
        assert files.matching(pattern) == tuple(folder / f"{each}.yaml" for each in "abd")
        assert "symbolic link" in files.failures[folder / "d.yaml"]
        assert files.matching(missing) == ()

    def test_who_is_away_keeps_nobody_from_an_answer(self, rig: Rig) -> None:
        order = ApplyRequest((FileRequest(FILE, None, b"new\n"),))

        assert rig.hosts.states([AWAY, HERE]) == {AWAY: DOWN, HERE: UP}
        assert not rig.hosts.query({AWAY: Query((FILE,)), HERE: Query()})[AWAY].up
        done = rig.hosts.apply({AWAY: order, HERE: order})

        assert done[AWAY].failed
        assert not done[HERE].failed
        assert self.place(rig).read_bytes() == b"new\n"

    def test_what_is_no_file_is_told_and_left(self, rig: Rig) -> None:
        self.place(rig).symlink_to("/etc/passwd")
        os.mkfifo(self.place(rig, OTHER))

        seen = rig.hosts.query({HERE: Query((FILE, OTHER))})[HERE]
        order = ApplyRequest(
            (FileRequest(FILE, None, b"new\n"), FileRequest(OTHER, None, b"new\n"))
        )
        done = rig.hosts.apply({HERE: order})[HERE]

        assert "it is a symbolic link to /etc/passwd" in seen.files.failures[FILE]
        assert f"cannot read {OTHER}: it is no file" in seen.files.failures[OTHER]
        assert all(each.failed for each in done.files.values())
        assert self.place(rig).is_symlink()

    def test_a_new_file_gets_its_mode_and_an_old_one_keeps_what_it_had(self, rig: Rig) -> None:
        old = self.place(rig)
        old.write_bytes(b"old\n")
        old.chmod(0o640)
        os.chown(old, 12, 34)

        order = ApplyRequest(
            (FileRequest(FILE, b"old\n", b"new\n"), FileRequest(OTHER, None, b"x", 0o600))
        )
        done = rig.hosts.apply({HERE: order})[HERE]

        assert [each.failed for each in done.files.values()] == ["", ""]
        found = old.stat()
        assert (old.read_bytes(), found.st_mode & 0o7777) == (b"new\n", 0o640)
        assert (found.st_uid, found.st_gid) == (12, 34)
        assert self.place(rig, OTHER).stat().st_mode & 0o7777 == 0o600
        assert [each.name for each in old.parent.iterdir()] == [old.name]

    def test_what_is_to_be_kept_is_kept_before_it_goes(self, rig: Rig) -> None:
        self.place(rig).write_bytes(b"by hand\n")

        order = ApplyRequest((FileRequest(FILE, b"by hand\n", None, keep=True),))
        done = rig.hosts.apply({HERE: order})[HERE]

        assert done.files[FILE].kept == KEPT
        assert self.place(rig, PurePosixPath(KEPT)).read_bytes() == b"by hand\n"
        assert not self.place(rig).exists()

    def test_of_what_is_kept_the_newest_ten_stay(self, rig: Rig) -> None:
        folder = self.place(rig, PurePosixPath(KEPT)).parent
        others = ("dhcp_agent.ini.bak", "l3_agent.ini.20141017T084209Z", f"{FILE.name}.20141016T1Z")
        for name in others:
            (folder / name).write_text("somebody's\n")
        (folder / f"{FILE.name}.20131231T235959Z").write_text("the year before\n")
        for number in range(13):
            self.place(rig).write_bytes(b"%d\n" % number)
            order = ApplyRequest((FileRequest(FILE, b"%d\n" % number, None, keep=True),))
            done = rig.hosts.apply({HERE: order})[HERE]
            kept = rig.root(HERE) / done.files[FILE].kept.lstrip("/")
            assert kept.read_bytes() == b"%d\n" % number

        names = {each.name for each in folder.iterdir()}
        assert names >= set(others)
        texts = {(folder / each).read_text() for each in names - set(others)}
        assert texts == {f"{number}\n" for number in range(3, 13)}

    def test_a_new_file_is_its_groups_to_read_or_nobodys(self, rig: Rig) -> None:
        self.place(rig, PurePosixPath("/etc/group")).write_text("root:x:0:\nneutron:x:1234:\n")
        place = self.place(rig)

        def made(group: str) -> tuple[int, int, int]:
            place.unlink(missing_ok=True)
            order = ApplyRequest((FileRequest(FILE, None, b"x", 0o640, group),))
            assert not rig.hosts.apply({HERE: order})[HERE].files[FILE].failed
            found = place.stat()
            return found.st_mode & 0o7777, found.st_uid, found.st_gid

        assert made("neutron") == (0o640, 0, 1234)
        assert made("nova") == (0o600, 0, 0)
        assert made("") == (0o640, 0, 0)
        os.chown(place, 12, 34)
        place.chmod(0o644)
        rig.hosts.apply({HERE: ApplyRequest((FileRequest(FILE, b"x", b"y", 0o640, "neutron"),))})
        found = place.stat()
        assert (place.read_bytes(), found.st_uid, found.st_gid) == (b"y", 12, 34)
        assert found.st_mode & 0o7777 == 0o644

    @pytest.mark.parametrize(
        ("former", "mode", "group", "is_now", "said"),
        [
            # Its owner's, its group's, all users': who read it as one of all reads it by his group.
            (0o644, 0o600, "", (0o600, 0), "narrowed from 0644 to 0600, for it holds a secret"),
            (0o644, 0o640, "neutron", (0o640, 1234), "0640 and given to group neutron, for"),
            (0o664, 0o640, "", (0o640, 0), "narrowed from 0664 to 0640"),
            (0o644, 0o640, "nova", (0o600, 0), "narrowed from 0644 to 0600"),
            (0o600, 0o640, "neutron", (0o600, 0), ""),
            (0o640, 0o640, "neutron", (0o640, 0), ""),
            (0o400, 0o600, "", (0o400, 0), ""),
        ],
    )
    def test_a_file_that_is_given_a_secret_is_narrowed_and_never_widened(
        self, rig: Rig, former: int, mode: int, group: str, is_now: tuple[int, int], said: str
    ) -> None:
        self.place(rig, PurePosixPath("/etc/group")).write_text("root:x:0:\nneutron:x:1234:\n")
        place = self.place(rig)
        place.write_bytes(b"a")
        place.chmod(former)

        def bring(before: bytes, after: bytes, *, secret: bool) -> str:
            order = FileRequest(FILE, before, after, mode, group, secret=secret)
            done = rig.hosts.apply({HERE: ApplyRequest((order,))})[HERE].files[FILE]
            assert not done.failed
            return done.narrowed

        assert bring(b"a", b"b", secret=False) == ""
        assert place.stat().st_mode & 0o7777 == former
        told = bring(b"b", b"password", secret=True)
        found = place.stat()
        assert (found.st_mode & 0o7777, found.st_gid) == is_now
        assert (said in told) if said else told == ""
        assert bring(b"password", b"another", secret=True) == ""

    def test_a_file_in_a_linked_folder_is_left_alone(self, rig: Rig) -> None:
        real = self.place(rig, PurePosixPath("/opt/neutron/dhcp_agent.ini"))
        real.write_bytes(b"somebody's\n")
        self.place(rig).parent.rmdir()
        self.place(rig, PurePosixPath("/etc/neutron")).symlink_to("../opt/neutron")

        seen = rig.hosts.query({HERE: Query((FILE,))})[HERE]
        read = rig.hosts.query({HERE: Query((FILE,), linked=True)})[HERE]
        order = ApplyRequest(
            (FileRequest(FILE, b"somebody's\n", b"new\n"), FileRequest(OTHER, None, b"x"))
        )
        done = rig.hosts.apply({HERE: order})[HERE]

        said = "the folder /etc/neutron on its way is a symbolic link to ../opt/neutron"
        assert said in seen.files.failures[FILE]
        assert read.files.contents == {FILE: b"somebody's\n"}
        assert said in done.files[FILE].failed
        assert not done.files[OTHER].failed
        assert real.read_bytes() == b"somebody's\n"

    @pytest.mark.parametrize("seen", [None, b"another\n"])
    def test_where_something_else_stands_than_was_seen_nothing_is_done(
        self, rig: Rig, seen: bytes | None
    ) -> None:
        self.place(rig).write_bytes(b"by hand\n")

        order = ApplyRequest(
            (FileRequest(OTHER, None, b"new\n"), FileRequest(FILE, seen, b"new\n")),
            (ServiceRequest("opensm", "start"),),
        )
        done = rig.hosts.apply({HERE: order})[HERE]

        assert done.stale
        assert self.place(rig).read_bytes() == b"by hand\n"
        assert not self.place(rig, OTHER).exists()
        assert rig.hosts.query({HERE: Query((), ("opensm",))})[HERE].services["opensm"] == DOWN

    @pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
    def test_what_anybody_there_may_lock_keeps_no_rollout_out(self, rig: Rig, kind: int) -> None:
        root = os.open(rig.root(HERE), os.O_RDONLY)
        try:
            fcntl.flock(root, kind)
            done = rig.hosts.apply({HERE: ApplyRequest((FileRequest(FILE, None, b"new\n"),))})[HERE]
        finally:
            os.close(root)

        assert not done.failed
        assert not done.files[FILE].failed
        lock = rig.root(HERE) / "run/ibstack-rollout.lock"
        assert (lock.stat().st_mode & 0o777, lock.stat().st_uid) == (0o600, os.geteuid())

    def test_a_lock_that_is_a_link_is_not_followed(self, rig: Rig) -> None:
        lock = rig.root(HERE) / "run/ibstack-rollout.lock"
        lock.parent.mkdir(exist_ok=True)
        lock.symlink_to("/etc/passwd")

        done = rig.hosts.apply({HERE: ApplyRequest((FileRequest(FILE, None, b"new\n"),))})[HERE]

        assert "symbolic link" in done.failed
        assert not self.place(rig).exists()

    def test_services_do_as_they_are_told(self, rig: Rig) -> None:
        def told(*orders: ServiceRequest) -> tuple[str, list[bool]]:
            done = rig.hosts.apply({HERE: ApplyRequest((), orders)})[HERE]
            seen = rig.hosts.query({HERE: Query((), ("opensm",))})[HERE]
            return seen.services["opensm"], [not why for why in done.services]

        begun = ServiceRequest("opensm", "start", at_boot=True), ServiceRequest("opensm", "reload")
        ended = ServiceRequest("opensm", "stop", at_boot=False), ServiceRequest("opensm", "reload")
        assert told(*begun) == (UP, [True, True])
        assert told(*ended) == (DOWN, [True, False])
