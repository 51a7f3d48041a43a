# SPDX-License-Identifier: Apache-2.0
"""A subnet manager's files are looked at where they lie, and their place is what is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.cluster.hosts.tree import TreeHosts
from ibstack.verify.check import State
from ibstack.verify.cluster_hosts import read_hosts
from ibstack.verify.collection import load, save
from ibstack.verify.evidence import (
    FABRICD_CONF,
    OPENSM_ARGS,
    OPENSM_CONF,
    OPENSM_CONF_RHEL,
    PARTITIONS_CONF,
    PARTITIONS_CONF_RHEL,
    SYSTEMCTL,
    Evidence,
    Unread,
)
from ibstack.verify.opensm_files import config_name, partitions_name
from ibstack.verify.site import Site
from ibstack.verify.this_host import read_host
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
    none = Unread("none", absent=True)
    others: dict[str, str | Unread] = {FABRICD_CONF: none, OPENSM_ARGS: "opensm\n"}
    host = host_with(others | {unread: Unread("permission denied")})

    (answer,) = said_by("partitions-present", host)

    assert answer.state is State.NOT_LOOKED_AT
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

        assert answer.state is State.NOT_LOOKED_AT
