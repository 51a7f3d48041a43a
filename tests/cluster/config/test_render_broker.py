# SPDX-License-Identifier: Apache-2.0
"""Accounts at the broker: who has which in its files, and that no text of ours holds a password."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cluster.broker_cluster import BROKER, COMPUTE, HEAD, SECRETS, broker_cluster, filled
from cluster.infiniband_cluster import FABRIC, GUID, ML2, set_values, todays_cluster
from ibstack.cluster.config.fill_secrets import Secrets
from ibstack.cluster.config.render import files_of, files_of_all
from ibstack.cluster.model.checks import problems
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.formats.ini import IniText
from ibstack.neutron.protocol.signature import Signer
from ibstack.subnet_manager.reconcile.known_hosts import listed_hosts

if TYPE_CHECKING:
    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.model.value import Value

PAGE = Path(__file__).parents[3] / "docs/how-to/install.md"
AGENT, FABRICD = "/etc/ibstack/agent.conf", "/etc/ibstack/fabricd.conf"
ACCOUNTS = "/etc/ibstack/broker-accounts.sh"
KEYS = {HEAD: "/etc/neutron/ibstack-answer.key", "sm": "/etc/ibstack/answer.key"}


def url(draft: Draft, device: str, path: str) -> str:
    text = filled(draft, device, path).text.encode()
    (found,) = IniText(text).keys()["DEFAULT", "transport_url"]
    return found


def test_each_part_has_its_account(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)

    agent = "ibstack-compute:p%40ss%3Aword%25%24x%23%3B%22"
    assert url(draft, COMPUTE, AGENT) == f"rabbit://{agent}@ctrl1,{agent}@ctrl2:5673/"
    server = "ibstack-server:of%20the%20server%3A%20%2541"
    assert url(draft, HEAD, ML2) == f"rabbit://{server}@ctrl1,{server}@ctrl2:5673/"
    fabricd = "ibstack-fabricd:of-fabricd"
    assert url(draft, HEAD, FABRICD) == f"rabbit://{fabricd}@ctrl1,{fabricd}@ctrl2:5673/"


def test_a_virtual_host_is_part_of_the_url(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path, nodes=("ctrl1",), virtualhost="/cloud")

    assert url(draft, HEAD, FABRICD) == "rabbit://ibstack-fabricd:of-fabricd@ctrl1/%2Fcloud"


def test_no_text_that_is_rendered_has_a_secret(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)

    for _, files in files_of_all(draft, draft.names("device")):
        for path, file in files.items():
            assert not [each for each in SECRETS.values() if each in file.text], path
            assert file.unready == ""


def test_a_compute_host_has_neither_key_nor_anothers_account(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)
    files = Secrets().fill(files_of(draft, COMPUTE))

    texts = "".join(file.text for file in files.values())
    assert "ibstack-compute" in texts
    assert "ibstack-fabricd" not in texts
    assert "ibstack-server" not in texts
    assert SECRETS["answerkeyfile"] not in texts
    assert not [path for path in files if path.suffix == ".key"]


def test_files_with_secrets_are_their_readers_alone(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)

    found = {path: filled(draft, HEAD, path) for path in (ML2, FABRICD, *KEYS.values())}

    modes = {path: (file.mode, file.group) for path, file in found.items()}
    assert modes == {
        ML2: (0o640, "neutron"),
        FABRICD: (0o600, ""),
        KEYS[HEAD]: (0o640, "neutron"),
        KEYS["sm"]: (0o600, ""),
    }


def test_the_key_of_both_sides_is_what_their_signer_reads(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path, unsignedreports=True)
    signatures = set()
    for path in KEYS.values():
        file = tmp_path / "brought"
        file.write_bytes(filled(draft, HEAD, path).content(None))
        file.chmod(0o600)
        signer = Signer.read(str(file))
        assert signer is not None
        signatures.add(signer.sign("x"))
    server = IniText(filled(draft, HEAD, ML2).text.encode()).keys()
    fabricd = IniText(filled(draft, HEAD, FABRICD).text.encode()).keys()

    assert signatures == {Signer(SECRETS["answerkeyfile"].encode()).sign("x")}
    assert server["infiniband", "answer_key_file"] == (KEYS[HEAD],)
    assert server["infiniband", "accept_unsigned_reports"] == ("True",)
    assert fabricd["fabric", "answer_key_file"] == (KEYS["sm"],)


def test_what_is_not_set_is_not_rendered(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path, nodes=(), answerkeyfile="")
    plain = todays_cluster()

    for device in (HEAD, COMPUTE):
        found, expected = files_of(draft, device), files_of(plain, device)
        # The accounts are made before anybody has one.
        assert (found.pop(PurePosixPath(ACCOUNTS), None) is not None) == (device == HEAD)
        assert {path: file.text for path, file in found.items()} == {
            path: file.text for path, file in expected.items()
        }


def test_the_lines_for_the_broker_are_the_guides(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)
    page = [line for line in PAGE.read_text().splitlines() if line.startswith("rabbitmqctl ")]
    script = files_of(draft, HEAD)[PurePosixPath(ACCOUNTS)].text.splitlines()

    assert len(page) == 4
    assert [line for line in page if line not in script] == []
    assert 'rabbitmqctl set_permissions -p / ibstack-server ".*" ".*" ".*"' in script


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0o600, "No such file or directory"),
        ("secret", 0o644, "every user may read it; chmod 0600"),
        ("", 0o600, "it has 0 characters"),
        ("two\nlines", 0o600, "expected one line of ASCII"),
        ("m\xf6p", 0o600, "expected one line of ASCII"),
        ("x" * 5000, 0o600, "expected one line of ASCII"),
        ("pass/word", 0o600, "it has a /, which oslo.messaging loses in a URL"),
    ],
)
def test_a_secret_that_cannot_be_used_makes_its_file_unready(
    tmp_path: Path, text: str | None, mode: int, why: str
) -> None:
    draft, secret = broker_cluster(tmp_path), tmp_path / "agentpasswordfile"
    secret.unlink()
    if text is not None:
        secret.write_text(text)
        secret.chmod(mode)

    files = Secrets().fill(files_of(draft, COMPUTE))

    assert files[PurePosixPath(AGENT)].unready.startswith(f"cannot use the secret in {secret}: ")
    assert why in files[PurePosixPath(AGENT)].unready
    assert [path for path, file in files.items() if file.unready] == [PurePosixPath(AGENT)]


def test_a_secret_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    draft = broker_cluster(tmp_path, agentpasswordfile=str(tmp_path / "pipe"))

    assert "0 characters" in filled(draft, COMPUTE, AGENT).unready


def test_a_key_that_is_short_is_refused_before_it_is_brought(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path)
    (tmp_path / "answerkeyfile").write_text("short")

    assert "should have 32 or more" in filled(draft, HEAD, KEYS["sm"]).unready


def test_a_modification_may_say_another_url(tmp_path: Path) -> None:
    draft = broker_cluster(tmp_path, agentpasswordfile="/nowhere/at-all")
    role = EntityPath.of("category", "openstack-compute-hosts").inside("roles", "infinibandhost")
    item = f"+{AGENT}[DEFAULT]transport_url=rabbit://elsewhere/"
    set_values(draft, role, configfilemodifications=(item,))

    assert url(draft, COMPUTE, AGENT) == "rabbit://elsewhere/"


def test_listed_ports_are_those_of_interfaces_that_serve_the_fabric() -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, hostports="listed")
    port = EntityPath.of("device", COMPUTE).inside("interfaces", "ib0")
    other = EntityPath.of("device", COMPUTE).inside("interfaces", "ib7")
    draft.put(Entity(port, "physical", {"guid": "0x0002c90300000031"}))
    draft.put(Entity(other, "physical", {"guid": "0x0002c90300000041"}))

    text = files_of(draft, HEAD)[PurePosixPath(FABRICD)].text
    (found,) = IniText(text.encode()).keys()["fabric", "host_guids"]
    warnings = [each.message for each in problems(draft, FABRIC)]

    # The head node has a GUID and serves no guests.
    assert GUID not in found
    assert {
        host: {str(each) for each in guids} for host, guids in listed_hosts([found]).items()
    } == {COMPUTE: {"0x0002c90300000031"}}
    assert "node003 has no GUID of ib0: its first report is believed" in warnings
    assert not [each for each in warnings if each.startswith(COMPUTE)]


def test_ports_that_are_believed_are_not_listed() -> None:
    text = files_of(todays_cluster(), HEAD)[PurePosixPath(FABRICD)].text

    assert "host_guids" not in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"agentpasswordfile": "secret"}, "'secret' is no absolute path of plain names"),
        ({"answerkeyfile": "/root/a b"}, "is no absolute path of plain names"),
        ({"nodes": ("user:password@host",)}, "is neither HOST nor HOST:PORT"),
        ({"exchange": "a b"}, "'a b' is no plain name"),
        ({"virtualhost": "a;b"}, "'a;b' is no plain name"),
        ({"nodes": ()}, "it is not set; hosts are given no account"),
        ({"unsignedreports": True, "answerkeyfile": ""}, "without answerkeyfile all are taken"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, values: dict[str, Value], message: str) -> None:
    draft = broker_cluster(tmp_path, **values)

    assert any(message in each.message for each in problems(draft, BROKER))
    assert problems(broker_cluster(tmp_path), BROKER) == ()
