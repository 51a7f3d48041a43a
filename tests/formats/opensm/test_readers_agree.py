# SPDX-License-Identifier: Apache-2.0
"""What fabricd takes for OpenSM's partitions file and options, verify and lint take too.

fabricd reads a process, verify what was collected of a host, lint the files that would start it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ibstack.cluster.lint import opensm_files as lint
from ibstack.cluster.lint.configuration import LintFile
from ibstack.cluster.lint.finding import Place
from ibstack.facts import opensm_files as verify
from ibstack.facts.evidence import OPENSM_ARGS, OPENSM_HELP, Missing
from ibstack.formats.opensm.built_in import ETC_OPENSM, ETC_RDMA, BuiltIn
from ibstack.subnet_manager.opensm.process import OpenSmProcess
from verify.judged import host_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.facts.evidence import Evidence

HELP = (
    "--config, -F <file-name>\n          When not specified, {0.config} will be used (if exists).\n"
    "--Pconfig, -P <partition-config-file>\n          The default name is '{0.partitions}'.\n"
)
UNIT = "/etc/systemd/system/opensm.service"
OS_RELEASE = "/etc/os-release"
RELEASES = {ETC_OPENSM: "ID=debian\n", ETC_RDMA: 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'}

builds = st.sampled_from([ETC_OPENSM, ETC_RDMA])
files = st.sampled_from(["/srv/a.conf", "/srv/b.conf", ETC_OPENSM.partitions, ETC_RDMA.partitions])
values = st.builds(
    "{0}{1}{0}{2}".format, st.sampled_from(["", '"', "'"]), files, st.sampled_from(["", " # ours"])
)
lines = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["partition_config_file ", "\t#"]), values),
    st.builds("partition_config_file\t{}".format, values),
    st.sampled_from(["partition_config_file (null)", "partition_config_file=/srv/c.conf", "x"]),
    st.sampled_from(["part_enforce off", 'part_enforce "in"', "part_enforce out # soon"]),
    st.sampled_from(
        ["allow_both_pkeys TRUE", "allow_both_pkeys 1", "no_partition_enforcement TRUE"]
    ),
)
configurations = st.lists(lines, max_size=5).map(lambda each: "".join(f"{x}\n" for x in each))
words = st.one_of(
    st.builds(
        "{}{}".format, st.sampled_from(["-P", "-P ", "--Pconfig=", "-Pconf ", "--Pc "]), files
    ),
    st.sampled_from(["-F /srv/o.conf", "--config=/srv/o.conf", "-conf /srv/o.conf"]),
    st.sampled_from(["-B", "-N", "-Z in", "--part_enforce=off", "-W", "-p 9", "-g 0x11"]),
)
command_lines = st.lists(words, max_size=4).map(lambda each: " ".join(["opensm", *each]))


def by_fabricd(root: Path, line: str, build: BuiltIn) -> set[str]:
    """Return the partitions files that fabricd takes for those of this process."""
    folder = root / "proc/9"
    folder.mkdir(parents=True)
    (folder / "comm").write_text("opensm\n")
    (folder / "cmdline").write_bytes("\0".join([*line.split(), ""]).encode())
    (folder / "exe").write_text(f"\0{HELP.format(build)}\0")
    (folder / "root").symlink_to(root)
    known = ["/srv/a.conf", "/srv/b.conf", ETC_OPENSM.partitions, ETC_RDMA.partitions]
    for path in known:
        inside(root, path).parent.mkdir(parents=True, exist_ok=True)
        inside(root, path).touch()
    return {path for path in known if OpenSmProcess(folder).reads(inside(root, path))}


def collected(texts: Mapping[str, str], line: str, build: BuiltIn) -> Evidence:
    """Return what verify has of a host with those files, by path, that runs this OpenSM."""
    named = {path.lstrip("/"): text for path, text in texts.items()}
    return host_with({**named, OPENSM_ARGS: f"{line}\n", OPENSM_HELP: HELP.format(build)})


def inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


@given(builds, command_lines, configurations, configurations)
@settings(deadline=None)
def test_one_opensm_reads_one_file_whoever_asks(
    build: BuiltIn, line: str, usual: str, named: str
) -> None:
    texts = {build.config: usual, "/srv/o.conf": named}
    host = collected(texts, line, build)
    of_lint = {
        path: LintFile(Place(path, "h"), text.encode())
        for path, text in {
            **texts,
            UNIT: f"[Service]\nExecStart=/usr/sbin/{line}\n",
            OS_RELEASE: RELEASES[build],
        }.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in texts.items():
            inside(root, path).parent.mkdir(parents=True, exist_ok=True)
            inside(root, path).write_text(text)
        (read,) = by_fabricd(root, line, build)

    assert verify.read_by_opensm(host) == read.lstrip("/")
    seen = {*lint.named_partitions(of_lint), *lint.usual_partitions(of_lint)}
    # Which build a RHEL has its files do not tell, so either may be.
    assert read in seen <= {read, *([ETC_OPENSM.partitions] if build is ETC_RDMA else [])}


@given(builds, command_lines, configurations, configurations)
def test_one_opensm_has_the_same_options_whoever_asks(
    build: BuiltIn, line: str, usual: str, named: str
) -> None:
    texts = {build.config: usual, "/srv/o.conf": named, UNIT: f"ExecStart=/usr/sbin/{line}\n"}
    host = collected(texts, line, build)
    files = {path: LintFile(Place(path, "h"), text.encode()) for path, text in texts.items()}

    by_verify = verify.options(host)
    (by_lint,) = lint.configured_opensms(files)

    assert not isinstance(by_verify, Missing)
    assert by_verify.both_pkeys() == by_lint.options.both_pkeys()
    assert by_verify.enforcement() == by_lint.options.enforcement()
