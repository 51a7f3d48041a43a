# SPDX-License-Identifier: Apache-2.0
"""A subnet manager's files are looked at where they lie, and their place is what is told."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.facts.collection import load, save
from ibstack.facts.evidence import (
    FABRICD_CONF,
    OPENSM_ARGS,
    OPENSM_CONF,
    OPENSM_CONF_RHEL,
    OPENSM_HELP,
    OS_RELEASE,
    PARTITIONS_CONF,
    PARTITIONS_CONF_RHEL,
    SYSTEMCTL,
    Evidence,
    Missing,
)
from ibstack.facts.opensm_files import (
    config_name,
    each_opensm,
    partitions,
    partitions_name,
    partitions_names,
)
from ibstack.facts.remote_hosts import read_hosts
from ibstack.facts.site import Site
from ibstack.facts.this_host import COMMANDS, read_host
from ibstack.verify.check import State
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full;\n"
ELSEWHERE = "srv/ib/partitions.conf"
FABRICD = {FABRICD_CONF: f"[fabric]\npartitions_conf = /{ELSEWHERE}\n"}
OPENSM = {OPENSM_CONF: f"partition_config_file\t/{ELSEWHERE}\n"}


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (FABRICD, ELSEWHERE),
        (OPENSM, ELSEWHERE),
        ({FABRICD_CONF: "[fabric]\n", **OPENSM}, PARTITIONS_CONF),
        ({OPENSM_CONF: "sm_key 1\n"}, PARTITIONS_CONF),
        ({OPENSM_CONF: f'partition_config_file "/{ELSEWHERE}"\n'}, ELSEWHERE),
        ({OPENSM_CONF_RHEL: "sm_key 1\n"}, PARTITIONS_CONF_RHEL),
        ({OPENSM_CONF_RHEL: f"partition_config_file /{ELSEWHERE}\n"}, ELSEWHERE),
        ({OPENSM_ARGS: f"/usr/sbin/opensm -B -P /{ELSEWHERE}\n"}, ELSEWHERE),
        ({OPENSM_ARGS: f"opensm --Pconfig=/{ELSEWHERE}\n", **OPENSM}, ELSEWHERE),
        ({OPENSM_ARGS: f"opensm -P/{ELSEWHERE}\n"}, ELSEWHERE),
        (
            {
                OPENSM_ARGS: "opensm -F /srv/o.conf\n",
                "srv/o.conf": f"partition_config_file /{ELSEWHERE}\n",
            },
            ELSEWHERE,
        ),
        ({FABRICD_CONF: "[fabric]\npartitions_conf = /../../x\n"}, "x"),
    ],
)
def test_the_partitions_file_is_the_one_that_is_named(texts: Mapping[str, str], name: str) -> None:
    assert partitions_name(host_with(texts)) == name


def test_the_configuration_of_rhel_is_read() -> None:
    host = host_with({OPENSM_CONF_RHEL: "part_enforce off\n"})

    (first, *_) = said_by("enforcement-on", host)

    assert (first.state, first.source) == (State.FAILED, "/etc/rdma/opensm.conf")
    assert config_name(host) == OPENSM_CONF_RHEL


@pytest.mark.parametrize(("state", "count"), [("disabled", 0), ("enabled", 1)])
def test_rhels_file_on_a_host_that_runs_none_makes_it_no_managers_host(
    state: str, count: int
) -> None:
    unit = f"Id=opensm.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState={state}\n"
    host = host_with({OPENSM_CONF_RHEL: "", SYSTEMCTL: unit})

    assert len(Site({host.host: host}).subnet_manager_hosts()) == count


def test_a_file_at_another_place_is_no_missing_file() -> None:
    host = host_with({**FABRICD, ELSEWHERE: FILE})

    for check in ("partitions-present", "partitions-readable", "default-limited"):
        (answer,) = said_by(check, host)
        assert (answer.state, answer.source) == (State.OK, f"/{ELSEWHERE}")


@pytest.mark.parametrize("unread", [FABRICD_CONF, OPENSM_CONF])
def test_where_it_may_lie_elsewhere_it_is_not_known_to_be_missing(unread: str) -> None:
    none = Missing("none", absent=True)
    others: dict[str, str | Missing] = {FABRICD_CONF: none, OPENSM_ARGS: "opensm\n"}
    host = host_with(others | {unread: Missing("permission denied")})

    (answer,) = said_by("partitions-present", host)

    assert answer.state is State.NOT_KNOWN
    assert answer.why == f"/{unread} may name another file: permission denied"


def written(root: Path) -> None:
    for name, text in {**FABRICD, ELSEWHERE: FILE, OPENSM_CONF: "sm_key 1\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_this_host_is_read_where_its_files_are_and_a_collection_keeps_them(
    tmp_path: Path,
) -> None:
    written(tmp_path / "root")
    host = read_host(tmp_path / "root", "head", commands={})

    save(Site({"head": host}), tmp_path / "kept")

    for each in (host, load(tmp_path / "kept").hosts["head"]):
        assert [a.state for a in said_by("partitions-present", each)] == [State.OK]


def test_a_file_that_is_missing_there_is_missing_in_a_collection_too(tmp_path: Path) -> None:
    written(tmp_path / "root")
    (tmp_path / "root" / ELSEWHERE).unlink()
    host = read_host(tmp_path / "root", "head", commands={})

    save(Site({"head": host}), tmp_path / "kept")

    for each in (host, load(tmp_path / "kept").hosts["head"]):
        (answer,) = said_by("partitions-present", each)
        assert (answer.state, answer.source) == (State.FAILED, f"/{ELSEWHERE}")


def test_other_hosts_are_asked_again_for_the_file_that_the_first_look_names(
    tmp_path: Path,
) -> None:
    written(tmp_path / "head/root")
    state: dict[str, Any] = {
        "state": "UP",
        "image": None,
        "kernel_command_line": None,
        "services": {},
    }
    (tmp_path / "head/state.json").write_text(json.dumps(state))
    hosts = TreeHosts(tmp_path, lambda: datetime(2026, 3, 2, tzinfo=UTC))

    found: dict[str, Evidence] = read_hosts(hosts, ["head"])

    assert [a.state for a in said_by("partitions-present", found["head"])] == [State.OK]


def test_a_collection_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(FILE)
    folder = tmp_path / "kept/head"
    (folder / "etc/ibstack").mkdir(parents=True)
    (folder / "srv").mkdir()
    (folder / "srv/link").symlink_to(tmp_path / "secret")
    for path in ("/../../secret", "/srv/link", f"/{'x' * 5000}", "/a\0b"):
        (folder / FABRICD_CONF).write_text(f"[fabric]\npartitions_conf = {path}\n")

        (answer,) = said_by("partitions-present", load(tmp_path / "kept").hosts["head"])

        assert answer.state is State.NOT_KNOWN


@pytest.mark.parametrize(
    "line",
    [
        "opensm -Pconfig {}",
        "opensm --Pconf={}",
        "opensm -P={}",
        "opensm -P /other -P {}",
        "opensm -B -F /srv/o.conf",
        "opensm -F /other -F /srv/o.conf",
        "opensm -conf=/srv/o.conf",
    ],
)
def test_a_command_line_is_read_as_opensm_does(line: str) -> None:
    texts = {
        OPENSM_ARGS: line.format(f"/{ELSEWHERE}") + "\n",
        "srv/o.conf": f'partition_config_file /other\npartition_config_file "/{ELSEWHERE}" # x\n',
    }

    assert partitions_name(host_with(texts)) == ELSEWHERE


RHEL_1 = "etc/rdma/opensm.conf.1"
BOTH = {PARTITIONS_CONF: FILE, PARTITIONS_CONF_RHEL: FILE}
HELP = (
    "--config, -F <file-name>\n When not specified\n /etc/{0}/opensm.conf will be used (if exists)."
    "\n\n--Pconfig, -P <partition-config-file>\n The default name is '/etc/{0}/partitions.conf'.\n"
)
DEBIAN = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n'


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({PARTITIONS_CONF_RHEL: FILE, OPENSM_ARGS: f"opensm -F /{RHEL_1}\n"}, PARTITIONS_CONF_RHEL),
        ({**BOTH, OPENSM_ARGS: f"opensm -F /{RHEL_1}\n"}, PARTITIONS_CONF_RHEL),
        ({**BOTH, RHEL_1: ""}, PARTITIONS_CONF_RHEL),
        ({**BOTH, OPENSM_ARGS: f"opensm -F /{OPENSM_CONF}\n"}, PARTITIONS_CONF),
        ({**BOTH, OPENSM_HELP: HELP.format("rdma")}, PARTITIONS_CONF_RHEL),
        ({**BOTH, OPENSM_HELP: HELP.format("ib")}, "etc/ib/partitions.conf"),
        ({**BOTH, OS_RELEASE: DEBIAN}, PARTITIONS_CONF),
        ({PARTITIONS_CONF_RHEL: FILE, OS_RELEASE: DEBIAN}, PARTITIONS_CONF),
        (
            {**BOTH, OPENSM_ARGS: f"opensm -F /{RHEL_1}\n", OPENSM_HELP: HELP.format("opensm")},
            PARTITIONS_CONF,
        ),
    ],
)
def test_a_build_that_is_told_nothing_looks_where_it_was_built_to(
    texts: Mapping[str, str], name: str
) -> None:
    (view,) = each_opensm(host_with(texts))

    assert partitions_name(view) == name
    assert not isinstance(partitions(view), Missing) or name not in texts


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ({**BOTH, OPENSM_ARGS: "opensm\n"}, "it may be /etc/opensm/partitions.conf or /etc/rdma"),
        ({OPENSM_ARGS: "opensm -P partitions.conf\n"}, "not known in which folder partitions.conf"),
        ({OPENSM_ARGS: "opensm -F o.conf\n"}, "not known in which folder o.conf"),
        (
            {OPENSM_ARGS: f"opensm -P /{ELSEWHERE} x.conf\n", ELSEWHERE: FILE},
            "x.conf of its command",
        ),
        ({OPENSM_ARGS: "opensm --foo\n", PARTITIONS_CONF: FILE}, "--foo of its command line"),
    ],
)
@pytest.mark.parametrize("check", ["partitions-present", "default-limited", "partitions-readable"])
def test_where_it_is_not_known_which_file_is_read_none_is_judged(
    texts: Mapping[str, str], why: str, check: str
) -> None:
    (answer,) = said_by(check, host_with(texts))

    assert answer.state is State.NOT_KNOWN
    assert why in str(answer.why)


@pytest.mark.parametrize("line", ["opensm", "opensm -P="])
def test_no_name_is_no_file(line: str) -> None:
    host = host_with({OPENSM_ARGS: f"{line}\n", OPENSM_CONF: "partition_config_file\n"})

    (answer,) = said_by("partitions-present", host)

    assert answer.state is State.FAILED


def test_a_file_behind_an_equals_sign_is_none_and_defaults_hold() -> None:
    host = host_with(
        {
            OPENSM_ARGS: "opensm -F=/srv/o.conf\n",
            "srv/o.conf": f"partition_config_file /{ELSEWHERE}\npart_enforce off\n",
            PARTITIONS_CONF: FILE,
        }
    )

    assert partitions_name(host) == PARTITIONS_CONF
    assert said_by("enforcement-on", host)[0].state is State.OK


@pytest.mark.parametrize("line", ["opensm -N", "opensm -Z both -Z off", "opensm -Z in"])
def test_a_command_line_that_opens_a_fabric_needs_no_configuration(line: str) -> None:
    host = host_with({OPENSM_CONF: "", OPENSM_CONF_RHEL: "", OPENSM_ARGS: f"opensm\n{line}\n"})

    states = [(each.state, each.source) for each in said_by("enforcement-on", host)[:2]]

    assert [state for state, _ in states] == [State.NOT_KNOWN, State.FAILED]
    assert states[1][1] == "`ps -C opensm -o args=`"


def test_each_opensm_of_a_host_is_looked_at() -> None:
    host = host_with(
        {
            OPENSM_ARGS: "/usr/sbin/opensm --guid 0x1 -F /srv/1.conf\n"
            "[opensm] <defunct>\n"
            "/usr/sbin/opensm --guid 0x2 -F /srv/2.conf\n"
            "/usr/sbin/opensm --guid 0x3 -F /srv/2.conf\n",
            "srv/1.conf": "partition_config_file /srv/p1\n",
            "srv/2.conf": "partition_config_file /srv/p2\npart_enforce off\n",
            "srv/p1": FILE,
            "srv/p2": FILE.replace("ALL=limited", "ALL=full"),
        }
    )

    assert partitions_names(host) == ["srv/p1", "srv/p2"]
    assert [(a.state, a.source) for a in said_by("default-limited", host)] == [
        (State.OK, "/srv/p1"),
        (State.FAILED, "/srv/p2"),
    ]
    assert [(a.state, a.source) for a in said_by("enforcement-on", host)[:2]] == [
        (State.OK, "/srv/1.conf"),
        (State.FAILED, "/srv/2.conf"),
    ]
    assert {a.state for a in said_by("partitions-equal", host)} == {State.OK, State.FAILED}


def test_debians_one_for_each_port_are_one_answer() -> None:
    lines = "".join(
        f"/usr/sbin/opensm --guid {guid} --log_file /var/log/opensm.{guid}.log\n"
        for guid in ("0x1", "0x2")
    )
    host = host_with({OPENSM_ARGS: lines, PARTITIONS_CONF: FILE})

    assert [a.state for a in said_by("default-limited", host)] == [State.OK]


def test_the_files_of_each_are_collected(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number in (1, 2):
        (root / "srv").mkdir(parents=True, exist_ok=True)
        (root / f"srv/{number}.conf").write_text(f"partition_config_file /srv/p{number}\n")
        (root / f"srv/p{number}").write_text(FILE)
    argv = ("printf", r"opensm -F /srv/1.conf\nopensm -F /srv/2.conf\n")
    host = read_host(root, "head", commands={OPENSM_ARGS: argv})

    save(Site({"head": host}), tmp_path / "kept")

    for each in (host, load(tmp_path / "kept").hosts["head"]):
        assert [a.source for a in said_by("partitions-present", each)] == ["/srv/p1", "/srv/p2"]
        assert {a.state for a in said_by("partitions-present", each)} == {State.OK}


@pytest.mark.real
def test_opensms_own_help_says_where_it_looks(tmp_path: Path) -> None:
    if shutil.which("opensm") is None:
        pytest.skip("needs opensm: apt-get install opensm")
    commands = {OPENSM_HELP: COMMANDS[OPENSM_HELP]}
    host = read_host(tmp_path, "head", commands=commands)
    texts = dict(host.texts) | {PARTITIONS_CONF_RHEL: FILE, OPENSM_ARGS: f"opensm -F /{RHEL_1}\n"}

    assert partitions_name(host_with(texts)) == PARTITIONS_CONF


@pytest.mark.real
def test_a_long_command_line_is_shown_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with subprocess.Popen(["sleep", "60", *["0.00001"] * 40]) as process:
        argv = ("ps", "-o", "args=", "-p", str(process.pid))
        host = read_host(tmp_path, "head", commands={OPENSM_ARGS: argv})
        process.kill()

    assert str(host.text(OPENSM_ARGS)).count("0.00001") == 40


LINE = {OPENSM_ARGS: f"/usr/sbin/opensm -B -P /{ELSEWHERE}\n", OPENSM_CONF: "sm_priority 1\n"}
OURS = {FABRICD_CONF: "[fabric]\n"}
OPENED = FILE.replace("ALL=limited", "ALL=full")


def test_of_an_opensm_that_runs_the_file_that_it_reads_is_judged() -> None:
    host = host_with({**LINE, **OURS, PARTITIONS_CONF: FILE, ELSEWHERE: OPENED})

    (answer,) = said_by("default-limited", host)

    assert (answer.state, answer.source) == (State.FAILED, f"/{ELSEWHERE}")


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        ({**LINE, **FABRICD}, State.OK),
        ({**LINE, **OURS}, State.FAILED),
        ({**LINE, **OURS, PARTITIONS_CONF: FILE, ELSEWHERE: OPENED}, State.FAILED),
        # As where one is a link to the other.
        ({**LINE, **OURS, PARTITIONS_CONF: FILE, ELSEWHERE: FILE}, State.NOT_KNOWN),
        ({**OPENSM, **OURS}, State.FAILED),
        ({**OPENSM, **FABRICD}, State.OK),
        ({OPENSM_CONF: Missing("permission denied"), **OURS}, State.NOT_KNOWN),
        ({OPENSM_ARGS: "opensm --foo\n", OPENSM_CONF: "", **OURS}, State.NOT_KNOWN),
    ],
)
def test_opensm_is_to_read_what_fabricd_writes(
    texts: Mapping[str, str | Missing], state: State
) -> None:
    assert [a.state for a in said_by("one-partitions-file", host_with(texts))] == [state]


def test_a_site_with_static_partitions_has_no_such_question() -> None:
    assert said_by("one-partitions-file", host_with(LINE)) == []
