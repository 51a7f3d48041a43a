# SPDX-License-Identifier: Apache-2.0
"""What a host shows comes over unchanged; a host that cannot be asked is not known."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from explained_ports import healthy
from ibstack.diagnose.broadcast_group import mgid
from ibstack.diagnose.host_facts import HostFacts, Question, read_answer
from ibstack.diagnose.local_dhcp import DhcpSource, read
from ibstack.diagnose.remote_facts import RemoteHosts
from ibstack.fabric.errors import BadValue, TryLater
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.codec import to_json
from ibstack.transport.reach_command import ReachCommand

if TYPE_CHECKING:
    from pathlib import Path

MAC, CLIENT_ID = "fa:16:3e:00:00:01", "20:fa:16:3e:00:00:00:00:01"
QUESTION = Question(MAC, pci="0000:05:00.1", key=0x101, port_id="p1", guids=("0x1",), network="n1")


def ask(line: str, host: str, question: Question) -> HostFacts:
    return RemoteHosts(ReachCommand(line)).read({host: question})[host]


@pytest.mark.parametrize("kind", ["mlx4", "mlx5"])
def test_an_answer_comes_over_as_json_unchanged(kind: str) -> None:
    facts = healthy(kind)
    answer = HostFacts(facts.vf, facts.fabric, facts.dhcp[0], facts.group, {"vf": "why"})

    assert read_answer(json.loads(json.dumps(to_json(answer)))) == answer


@pytest.mark.parametrize("raw", [None, [], {}, {"vf": 1}, {"vf": {"host": 3}}, "text"])
def test_an_answer_of_another_shape_is_refused(raw: object) -> None:
    with pytest.raises(BadValue, match="answer of ibstack host facts"):
        read_answer(raw)


def test_a_host_is_asked_by_the_command_that_reaches_it(tmp_path: Path) -> None:
    answer = HostFacts(missing={"fabric": "no adapter"})
    (tmp_path / "answer").write_text(json.dumps(to_json(answer)))
    asked = tmp_path / "asked"
    say = f"import sys; open({str(asked)!r}, 'w').write(' '.join(sys.argv[1:]))"
    program = f"{say}; print(open({str(tmp_path / 'answer')!r}).read())"

    found = ask(f"{sys.executable} -c {shlex.quote(program)} {{host}}", "node002", QUESTION)

    assert found == answer
    assert asked.read_text() == (
        f"node002 ibstack host facts -f json --mac {MAC} --pci 0000:05:00.1 --key 0x0101"
        " --port-id p1 --guid 0x1 --network n1"
    )


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("sh -c 'echo no route >&2; exit 255'", "node002 could not be asked, status 255: no route"),
        (
            "sh -c 'echo {}'",
            "node002 runs another release of ibstack, whose answer cannot be read here: it has no"
            " 'vf'",
        ),
        ("true", "node002 could not be asked, status 0: it said nothing that can be read"),
        (
            "/no/such/program {host}",
            "node002 could not be asked: /no/such/program cannot be run: No such file or directory",
        ),
    ],
)
def test_a_host_that_cannot_be_asked_says_why_of_each_part(way: str, why: str) -> None:
    found = ask(way, "node002", QUESTION)

    assert (found.vf, found.fabric, found.dhcp, found.group) == (None, None, None, None)
    assert found.missing == dict.fromkeys(("vf", "fabric", "dhcp", "group"), why)


@pytest.mark.parametrize(
    "host", ["-oX", "-oProxyCommand=touch x", "a b", ";x", "", ".", "a\n", "root@a", "a$(x)", "é"]
)
def test_no_process_starts_for_what_is_no_name_of_a_host(tmp_path: Path, host: str) -> None:
    started = tmp_path / "started"

    found = ask(f"touch {started} {{host}}", host, Question(MAC))

    assert not started.exists()
    assert set(found.missing.values()) == {f"{host!r} was not asked: that is no name of a host"}


@pytest.mark.parametrize(
    "question",
    [
        Question(MAC, key=1, guids=("0x1;touch x",)),
        Question(MAC, pci="--sysfs=/tmp"),
        Question("fa:16:3e:00:00:01 x"),
        Question(MAC, network="$(x)"),
        Question(MAC, port_id="p1\n"),
    ],
)
def test_no_process_starts_for_a_word_that_a_shell_could_mean(
    tmp_path: Path, question: Question
) -> None:
    """What one host answers is asked of the next: it must not run commands there."""
    started = tmp_path / "started"

    found = ask(f"touch {started} {{host}}", "node002", question)

    assert not started.exists()
    assert "may not be handed to another host" in found.missing["vf"]


def test_dnsmasqs_files_say_who_is_known_and_who_has_a_lease(tmp_path: Path) -> None:
    place = DhcpSource("node001", tmp_path)
    question = Question(MAC, network="n1")
    with pytest.raises(TryLater, match=f"there is no folder {tmp_path}/dhcp"):
        read(place, question)
    (tmp_path / "dhcp").mkdir()
    assert not read(place, question).served
    folder = tmp_path / "dhcp" / "n1"
    folder.mkdir()
    (folder / "host").write_text(f"{MAC},id:{CLIENT_ID},host-10-1-0-5,10.1.0.5\n")

    found = read(place, question)
    assert (found.known, found.client_id, found.lease) == (True, CLIENT_ID, None)
    (folder / "leases").write_text(
        f"1 {MAC} 10.1.0.5 host {CLIENT_ID}\n1 * 10.1.0.6 * 20:ab\n1 {MAC} 10.1.0.7 * *\n"
    )
    found = read(place, question)
    assert (found.lease, found.unmatched) == ("10.1.0.5", ("20:ab",))


def test_the_broadcast_group_of_a_partition() -> None:
    assert mgid(PartitionKey(0x101)).hex() == "ff12401b8101000000000000ffffffff"
