# SPDX-License-Identifier: Apache-2.0
"""The ini file of ibstack-eswitchd: those that exist keep working, and faults come all at once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.formats.eswitchd_conf import Mapping
from ibstack.host.eswitchd import config as eswitchd_config
from one_daemon import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

ONE = (Mapping("ibhostnet", "ib0"),)

GOOD = {
    "as the agent of networking-mlnx had it": (
        "[mlnx]\nverbose = True\n[eswitch]\nphysical_interface_mappings = ibhostnet:ib0\n"
        "daemon_endpoint = 'tcp://localhost:60001'\n",
        ONE,
    ),
    "as its eswitchd had it": ("[DAEMON]\nfabrics = 'ibhostnet:ib0'\nsocket_os_port=60001\n", ONE),
    "a section in capitals": ("[ESWITCH]\nphysical_interface_mappings=ibhostnet:ib0\n", ONE),
    "sections of one name, percent signs": (
        "[DEFAULT]\nx = %(y)s\n[eswitch]\na=b\n"
        "[eswitch]\nphysical_interface_mappings=ibhostnet:ib0",
        ONE,
    ),
    "two adapters for one network, over two lines": (
        "[eswitch]\nphysical_interface_mappings = ibhostnet:ib0 ,\n  ibhostnet:ib1\n",
        (*ONE, Mapping("ibhostnet", "ib1")),
    ),
}


@pytest.mark.parametrize(("text", "mappings"), GOOD.values(), ids=GOOD)
def test_a_file_of_old_is_read(tmp_path: Path, text: str, mappings: tuple[Mapping, ...]) -> None:
    (tmp_path / "conf").write_text(text)

    assert eswitchd_config.load(tmp_path / "conf") == eswitchd_config.Settings(mappings)


def test_its_own_section_is_read(tmp_path: Path) -> None:
    own = "[eswitchd]\nsocket=/run/s\ngroup=root\nstate_path=/var/s\nsysfs=/tmp/sys\n"
    (tmp_path / "conf").write_text(f"[eswitch]\nphysical_interface_mappings=ibhostnet:ib0\n{own}")

    assert eswitchd_config.load(tmp_path / "conf") == eswitchd_config.Settings(
        ONE, socket="/run/s", group=0, state_path="/var/s", sysfs="/tmp/sys"
    )


@pytest.mark.parametrize(
    "mappings", ["'a:ib0','b:ib1'", '"a:ib0", "b:ib1"', "a:'ib0", "'a':ib0,b:ib1"]
)
def test_quotes_within_the_mappings_are_refused(tmp_path: Path, mappings: str) -> None:
    (tmp_path / "conf").write_text(f"[DAEMON]\nfabrics = {mappings}\n")

    with pytest.raises(BadInput, match="expected PHYSICAL_NETWORK:INTERFACE"):
        eswitchd_config.load(tmp_path / "conf")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(
        "[eswitch]\nphysical_interface_mappings = ibhostnet, a:ib0, b:ib0, c:much-too-long-a-name\n"
        "[eswitchd]\nsocket = relative\ngroup = nobody-has-this\nstat_path = /x\n"
    )

    with pytest.raises(BadInput) as bad:
        eswitchd_config.load(tmp_path / "conf")
    for words in (
        "'ibhostnet': expected PHYSICAL_NETWORK:INTERFACE",
        "interface ib0 is mapped twice",
        "'c:much-too-long-a-name'",
        "socket = relative: expected a path",
        "group = nobody-has-this: there is no such group",
        "stat_path: there is no such option",
    ):
        assert words in str(bad.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "physical_interface_mappings is missing; for example"),
        (b"no section\n", "conf"),
        (b"[eswitch]\n\xff\xfe = 1\n", "cannot read the configuration"),
    ],
)
def test_a_file_that_is_none_is_told_by_name(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "conf").write_bytes(data)

    with pytest.raises(BadInput, match=words):
        eswitchd_config.load(tmp_path / "conf")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--config-file", "/nowhere/conf"], 2, "cannot read the configuration /nowhere/conf"),
        (["--config-file"], 2, "expected --config-file FILE"),
        ([], 2, "see --help"),
        (["--help"], 0, "example: ibstack-eswitchd --config-file"),
    ],
)
def test_the_command_says_what_it_wants(words: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        [SCRIPTS / "ibstack-eswitchd", *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert said in done.stdout + done.stderr
