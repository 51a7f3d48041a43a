# SPDX-License-Identifier: Apache-2.0
"""The partitions files that are looked at are those that OpenSM reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.lint.cloud_folders import OPENSM, PARTITIONS, found, put
from ibstack.cluster.lint.finding import Severity

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "Default=0x7fff: ALL=full;\n"
CLOSED = "Default=0x7fff: ALL=limited;\n"
RHELS = "etc/rdma/partitions.conf"
ELSEWHERE = "etc/ib/partitions.conf"
OUTSIDE = "srv/ib/partitions.conf"
UNIT = "etc/systemd/system/opensm@.service.d/site.conf"
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
FABRICD = "etc/ibstack/fabricd.conf"


def ids(folder: Path) -> list[tuple[str, str]]:
    return [(each.id, each.place.file.lstrip("/")) for each in found(folder=folder)]


@pytest.mark.parametrize(
    "files",
    [
        {PARTITIONS: OPEN},
        {RHELS: OPEN},
        {RHELS: OPEN, "etc/rdma/opensm.conf.1": "part_enforce both\n"},
        {ELSEWHERE: OPEN, OPENSM: f"partition_config_file /{ELSEWHERE}\n", PARTITIONS: CLOSED},
        {ELSEWHERE: OPEN, "etc/rdma/opensm.conf": f'partition_config_file "/{ELSEWHERE}"\n'},
        {ELSEWHERE: OPEN, "etc/rdma/opensm.conf.2": f"partition_config_file /{ELSEWHERE} # 2\n"},
        {OUTSIDE: OPEN, OPENSM: f"partition_config_file /{OUTSIDE}\n"},
        {
            ELSEWHERE: OPEN,
            PARTITIONS: CLOSED,
            UNIT: f"ExecStart=\nExecStart=/usr/sbin/opensm -g %I -Pconfig /{ELSEWHERE}\n",
        },
        {
            ELSEWHERE: OPEN,
            UNIT: "[Service]\nExecStart=-/usr/sbin/opensm -B --config=/etc/ib/o.conf\n",
            "etc/ib/o.conf": f"partition_config_file /{ELSEWHERE}\n",
        },
        {
            ELSEWHERE: OPEN,
            OPENSM: f"partition_config_file /{ELSEWHERE}\n",
            FABRICD: "[fabric]\nphysical_network = ib\n",
        },
    ],
)
def test_an_open_file_is_found_wherever_opensm_reads_it(
    tmp_path: Path, files: dict[str, str]
) -> None:
    for path, text in files.items():
        put(tmp_path, "head", path, text)
    opened = next(path for path, text in files.items() if text == OPEN)

    assert ids(tmp_path) == [("default-partition-open", opened)]


@pytest.mark.parametrize(
    "files",
    [
        {OPENSM: f"partition_config_file /{ELSEWHERE}\n", ELSEWHERE: CLOSED, PARTITIONS: OPEN},
        {RHELS: OPEN, PARTITIONS: CLOSED, "etc/os-release": DEBIAN},
        {RHELS: OPEN, FABRICD: f"[fabric]\nphysical_network = ib\npartitions_conf = /{RHELS}\n"},
    ],
)
def test_a_file_that_no_opensm_reads_or_that_fabricd_writes_is_left_alone(
    tmp_path: Path, files: dict[str, str]
) -> None:
    for path, text in files.items():
        put(tmp_path, "head", path, text)

    assert ids(tmp_path) == []


@pytest.mark.parametrize("place", [f"/{OUTSIDE}", "/../../secret", "part.conf", f"/{'x' * 5000}"])
def test_a_file_that_was_not_collected_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_text(OPEN)
    put(tmp_path / "hosts", "head", OPENSM, f"# x\npartition_config_file {place[:900]}\n")

    (finding,) = found(folder=tmp_path / "hosts")

    assert (finding.id, finding.severity) == ("partitions-not-collected", Severity.WARNING)
    assert (finding.place.line, finding.value) == (2, place[:900])


@pytest.mark.parametrize(
    "text", ["allow_both_pkeys\tTRUE # for VFs\n", 'allow_both_pkeys "TRUE"\n']
)
@pytest.mark.parametrize("path", [OPENSM, "etc/rdma/opensm.conf"])
def test_both_forms_of_keys_are_found_in_any_spelling(tmp_path: Path, text: str, path: str) -> None:
    put(tmp_path, "head", path, f"# x\n{text}")
    (finding,) = found(folder=tmp_path)

    assert (finding.id, finding.place.line) == ("both-forms-of-keys", 2)


@pytest.mark.parametrize(
    "text", ["allow_both_pkeys true\n", "allow_both_pkeys TRUE\nallow_both_pkeys\n"]
)
def test_what_opensm_takes_for_false_is_no_finding(tmp_path: Path, text: str) -> None:
    put(tmp_path, "head", OPENSM, text)

    assert found(folder=tmp_path) == ()


def test_both_forms_by_the_command_line_of_a_unit_are_found(tmp_path: Path) -> None:
    put(tmp_path, "head", UNIT, "[Service]\nExecStart=/usr/sbin/opensm -W -B\n")
    (finding,) = found(folder=tmp_path)

    assert (finding.id, finding.place.file) == ("both-forms-of-keys", f"/{UNIT}")
