# SPDX-License-Identifier: Apache-2.0
"""Collections: what is hidden, what is taken for absent, where a sosreport has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.facts.collection import hidden, load, save
from ibstack.facts.evidence import DMESG, OPENSM_CONF, PARTITIONS_CONF, Evidence, Missing
from ibstack.facts.site import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("m_key 0x1122334455667788", "m_key (hidden)"),
        ("m_key 0x0000000000000000", "m_key 0x0000000000000000"),
        ("sm_key 1", "sm_key 1"),
        ("sa_key 0x1122", "sa_key (hidden)"),
        ("m_key = 0x1122334455667788", "m_key = (hidden)"),
        ("transport_url = rabbit://u:secret@h/", "transport_url = (hidden)"),
        ("connection=mysql+pymysql://u:secret@h/n", "connection= (hidden)"),
        ("password = secret", "password = (hidden)"),
        ("# password = secret", "# password = (hidden)"),
        ("psk=secret", "psk= (hidden)"),
        ("private-key-password=secret", "private-key-password= (hidden)"),
        ("      password: secret", "      password: (hidden)"),
        ("metadata_proxy_shared_secret = abc", "metadata_proxy_shared_secret = (hidden)"),
        ("network_vlan_ranges = ibhostnet:1:10", "network_vlan_ranges = ibhostnet:1:10"),
    ],
)
def test_keys_and_passwords_are_hidden_and_defaults_are_not(line: str, kept: str) -> None:
    assert hidden(f"[a]\n{line}\nlast = 1\n") == f"[a]\n{kept}\nlast = 1\n"


def test_a_secret_does_not_reach_the_folder(tmp_path: Path) -> None:
    host = Evidence("node001", {OPENSM_CONF: "m_key 0xdeadbeefdeadbeef\n"})

    save(Site({"node001": host}), tmp_path)

    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "deadbeef" not in written


def test_a_file_is_absent_only_where_its_folder_was_collected(tmp_path: Path) -> None:
    (tmp_path / "node001/etc/opensm").mkdir(parents=True)

    host = load(tmp_path).hosts["node001"]

    assert host.text(PARTITIONS_CONF) == Missing("there is no such file", absent=True)
    assert host.text("etc/ibstack/fabricd.conf") == Missing("it was not collected")


def test_the_carriage_returns_that_opensm_refuses_are_kept(tmp_path: Path) -> None:
    text = "Default=0x7fff: ALL=limited;\r\n"
    save(Site({"node001": Evidence("node001", {PARTITIONS_CONF: text})}), tmp_path)

    assert load(tmp_path).hosts["node001"].text(PARTITIONS_CONF) == text


def test_output_of_commands_is_found_in_a_sosreport(tmp_path: Path) -> None:
    folder = tmp_path / "node001/sos_commands/kernel"
    folder.mkdir(parents=True)
    (folder / "dmesg").write_text("[    0.000000] Linux version 6.1\n")

    assert load(tmp_path).hosts["node001"].text(DMESG) == "[    0.000000] Linux version 6.1\n"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key\n")
    folder = tmp_path / "node001/commands"
    folder.mkdir(parents=True)
    (folder / "dmesg").symlink_to(tmp_path / "secret")

    assert isinstance(load(tmp_path).hosts["node001"].text(DMESG), Missing)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ports": [{}]}', "\0"])
@pytest.mark.parametrize("name", ["fabric.json", "agents.json"])
def test_what_is_no_json_of_ours_is_bad_input(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(BadInput, match=f"cannot read .*{name}"):
        load(tmp_path)
