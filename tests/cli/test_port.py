# SPDX-License-Identifier: Apache-2.0
"""What `ibstack port explain` prints can be read by what asked for it."""

from __future__ import annotations

import csv
import io
import json
from argparse import Namespace
from typing import Any

import pytest
import yaml

from explained_ports import healthy, with_agent, with_port
from ibstack.cli.port import COLUMNS, PortExplain, rows
from ibstack.diagnose.diagnosis import diagnose

ANSWER = "port vm1: the port is switched off in Neutron\n"
HOSTILE = "is it this?\x1b[2J\x1b[Hport vm1: nothing is wrong"
TO_DO = "Run `openstack port set --enable p1`.\n"


class Told(PortExplain):
    """Asks nobody: the port is switched off, or its host reports nonsense."""

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        facts = healthy("mlx5")
        if parsed.port == HOSTILE:
            facts = with_agent(facts, "ibstack-agent", "node002", adapters=(), unread=(HOSTILE,))
        else:
            facts = with_port(facts, admin_state_up=False)
        self._explained = diagnose(facts)
        self.status = self._explained.exit_code
        return COLUMNS, rows(self._explained)


def printed(*words: str, port: str = "vm1") -> tuple[int, str, str]:
    app = Namespace(stdout=io.StringIO(), stderr=io.StringIO())
    command = Told(app, None)  # type: ignore[arg-type]
    status = command.run(command.get_parser("explain").parse_args([port, *words]))
    return status, app.stdout.getvalue(), app.stderr.getvalue()


def test_a_table_stands_between_the_answer_and_what_to_do() -> None:
    status, out, err = printed()

    assert (status, err) == (3, "")
    assert out.startswith(f"{ANSWER}+")
    assert out.endswith(f"+\n\n{TO_DO}")


@pytest.mark.parametrize("form", ["yaml", "csv", "value"])
def test_what_a_machine_reads_has_no_talk_around_it(form: str) -> None:
    status, out, err = printed("-f", form, "-c", "state", "-c", "looked_at")

    assert (status, err) == (3, ANSWER + TO_DO)
    read: dict[str, Any] = {
        "yaml": lambda: [row["state"] for row in yaml.safe_load(out)],
        "csv": lambda: [row["state"] for row in csv.DictReader(io.StringIO(out))],
        "value": lambda: [line.rpartition(" ")[2] for line in out.splitlines()],
    }
    assert read[form]() == ["right", "wrong"]


def test_nothing_that_a_host_says_moves_the_cursor() -> None:
    for form in ("table", "value"):
        status, out, err = printed("-f", form, port=HOSTILE)
        assert status == 3
        assert "is it this?" in out
        assert "\x1b" not in out + err


def test_json_is_one_object_with_the_columns_that_were_asked_for() -> None:
    status, out, err = printed("-f", "json", "-c", "state", "-c", "looked_at")
    answer = json.loads(out)

    assert (status, err) == (3, "")
    assert answer["answer"] + "\n" == ANSWER
    assert answer["to_do"] + "\n" == TO_DO
    assert answer["walk"] == [
        {"looked_at": "Neutron knows the port", "state": "right"},
        {"looked_at": "administrative state", "state": "wrong"},
    ]
    assert set(json.loads(printed("-f", "json")[1])["walk"][0]) == set(COLUMNS)
