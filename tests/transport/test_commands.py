# SPDX-License-Identifier: Apache-2.0
"""Commands run on hosts in both ways alike: by ssh's Python, and by a program of the site's."""

from __future__ import annotations

import json
import shlex
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ibstack.diagnose.host_facts import HostFacts, Question
from ibstack.diagnose.remote_facts import RemoteHosts
from ibstack.formats.codec import to_json
from ibstack.transport import remote_script
from ibstack.transport.command import CommandResult
from ibstack.transport.reach_command import ReachCommand
from ibstack.views.diagnosis import ssh_transport
from transport.ssh_fleet import Fleet, answering, close_fleet, open_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack.transport.command import RunsCommands

WELL, ILL = "node001", "node002"
PRINTER = "import sys; print(sys.argv[1:]); sys.stderr.write('one\\ntwo \\x1b[2J\\n'); sys.exit(3)"


class CommandsContract:
    """What holds of both."""

    def test_words_arrive_as_they_are(self, hosts: RunsCommands) -> None:
        words = ["a b", "$(touch x)", "it's", "é", "--", "*"]

        found = hosts.run({WELL: [sys.executable, "-c", PRINTER, *words]})[WELL]

        assert found == CommandResult(3, f"{words}\n", "two \\x1b[2J")

    def test_each_host_has_its_own_command(self, hosts: RunsCommands) -> None:
        found = hosts.run({WELL: ["echo", "one"], ILL: ["echo", "two"]})

        assert {host: each.out for host, each in found.items()} == {WELL: "one\n", ILL: "two\n"}

    def test_hosts_are_asked_at_once(self, hosts: RunsCommands) -> None:
        begun = time.monotonic()
        hosts.run({host: ["true"] for host in (WELL, ILL)})
        alone_s = time.monotonic() - begun

        begun = time.monotonic()
        hosts.run({host: ["sleep", "4"] for host in (WELL, ILL)})

        assert time.monotonic() - begun < alone_s + 7

    def test_what_prints_without_end_is_given_up(self, hosts: RunsCommands) -> None:
        found = hosts.run({WELL: ["head", "-c", "9000000", "/dev/zero"], ILL: ["true"]})

        assert found[WELL].why == "its answer is too large"
        assert found[ILL] == CommandResult(0)


class TestReachCommand(CommandsContract):
    @pytest.fixture
    def hosts(self) -> RunsCommands:
        return ReachCommand("env HOST={host}")

    def test_a_line_that_is_no_program_is_named(self) -> None:
        found = ReachCommand("/no/such/program {host}").run({WELL: ["true"]})[WELL]

        assert found.why == "/no/such/program cannot be run: No such file or directory"

    def test_what_takes_too_long_is_given_up(self) -> None:
        found = ReachCommand("env", timeout_s=0.2).run({WELL: ["sleep", "60"]})[WELL]

        assert found == CommandResult(None, why="it did not answer within 0.2 s")

    def test_what_closes_its_output_and_goes_on_is_given_up(self) -> None:
        command = ["sh", "-c", "exec >&- 2>&-; sleep 60"]

        found = ReachCommand("env", timeout_s=0.5).run({WELL: command})[WELL]

        assert found == CommandResult(None, why="it did not answer within 0.5 s")

    def test_the_host_is_named_where_the_line_says(self, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text('#!/bin/sh\necho "$@"\n')
        program.chmod(0o755)

        found = ReachCommand(f"{shlex.quote(str(program))} to={{host}}").run({WELL: ["x y"]})

        assert found[WELL].out == f"to={WELL} x y\n"


class TestSsh(CommandsContract):
    @pytest.fixture(scope="class")
    def started(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
        fleet = open_fleet(tmp_path_factory.mktemp("fleet"), (WELL, ILL))
        yield fleet
        close_fleet(fleet)

    @pytest.fixture
    def fleet(self, started: Fleet) -> Fleet:
        started.begin_anew()
        return started

    @pytest.fixture
    def hosts(self, fleet: Fleet) -> RunsCommands:
        return fleet.hosts()

    def test_a_program_that_is_not_there_is_named(self, hosts: RunsCommands) -> None:
        found = hosts.run({WELL: ["/no/such/program"], ILL: ["true"]})

        why = "/no/such/program cannot be run: No such file or directory"
        assert found == {WELL: CommandResult(None, why=why), ILL: CommandResult(0)}

    def test_a_host_that_is_away_is_named_and_the_others_answer(self, fleet: Fleet) -> None:
        fleet.write_config({ILL: "Port 1"})

        found = fleet.hosts().run({WELL: ["true"], ILL: ["true"]})

        assert found == {WELL: CommandResult(0), ILL: CommandResult(None, why="connection refused")}

    def test_port_explain_asks_hosts_as_the_cluster_reaches_them(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        answer = HostFacts(missing={"vf": "no such VF"})
        program = fleet.folder / "bin/ibstack"
        program.write_text(f"#!/bin/sh\necho '{json.dumps(to_json(answer))}'\n")
        program.chmod(0o755)
        fleet.write_config({ILL: "Port 1"})
        config = tmp_path / "cluster.conf"
        config.write_text(
            "[hosts]\nreach = ssh\n"
            f"[ssh]\nconfig = {fleet.folder}/ssh_config\npython = python-there\n"
        )

        others = RemoteHosts(ssh_transport(config))
        found = others.read(dict.fromkeys((WELL, ILL, "-oX"), Question("fa:16:3e:00:00:01")))

        assert found[WELL] == answer
        assert found[ILL].missing["vf"] == f"{ILL} could not be asked: connection refused"
        assert "that is no name of a host" in found["-oX"].missing["vf"]

    @pytest.mark.parametrize("answer", [{}, [], {"status": "0", "out": ""}, {"status": 0}])
    def test_an_answer_of_another_shape_is_garbled(self, fleet: Fleet, answer: object) -> None:
        fleet.set_python(ILL, answering(remote_script.packed(answer)))

        found = fleet.hosts().run({ILL: ["true"]})[ILL]

        assert found.status is None
        assert found.why.startswith("its answer was garbled: ")
