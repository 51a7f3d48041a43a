# SPDX-License-Identifier: Apache-2.0
"""What stands in place of a collection's JSON is said in a person's words, with what to do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadInput
from ibstack.facts.cloud.agents import dump_agents, load_agents
from ibstack.facts.collection import load
from ibstack.facts.fabric import recorded
from ibstack.facts.fabric.observed import ObservedFabric
from ibstack.facts.site import Agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AGENT = {
    "agent_type": "Mellanox plugin agent",
    "binary": "ibstack-agent",
    "host": "node001",
    "alive": True,
    "admin_state_up": True,
    "configurations": {},
}
WHOLE = json.dumps({"agents": [AGENT]}, indent=1)
# As python-openstackclient 7 and 8 print it.
OF_THE_CLIENT = json.dumps(
    [
        {
            "ID": "8f1c",
            "Agent Type": "Mellanox plugin agent",
            "Host": "node001",
            "Availability Zone": None,
            "Alive": True,
            "State": True,
            "Binary": "neutron-mlnx-agent",
        }
    ]
)
PYTHON = re.compile(r"Error|Traceback|indices|NoneType|\bdict\b|\bstr\b|object has no")

ANYTHING = [
    ("", "it is empty"),
    (" \n", "it is empty"),
    ("<!DOCTYPE html>\n<html></html>", "it is a page of HTML or XML"),
    ("<html><h1>503 Service Unavailable</h1>", "503 Service Unavailable"),
    ("+----+------+\n| ID | Host |\n", "it is a table"),
    (WHOLE[: len(WHOLE) // 2], "it is JSON that ends in the middle, at line"),
    (WHOLE[:-1], "ends in the middle"),
    ("agents:\n- host: node001\n", "it is no JSON from line 1, column 1 on"),
    (WHOLE + "\n" + WHOLE, "it is no JSON from line"),
    ("[]", "it is a list"),
    ("null", "it is null"),
    ('"agents"', "it is a string"),
    ("true", "it is true or false"),
    ("17", "it is a number"),
    ("[" * 100_000, "too many levels"),
    ("1" * 5000, "it is no JSON"),
    ("\ufffd\ufffd{\0}\0", "it is no JSON"),
]
AGENTS = [
    (OF_THE_CLIENT, "`openstack network agent list -f json` prints, which has no configurations"),
    ("{}", "it has no `agents`"),
    ('{"agents": {}}', "it has an object as `agents`, and no list"),
    ('{"agents": ["node001"]}', "agents[0]: expected an object, got 'node001'"),
    ('{"agents": [null]}', "agents[0]: expected an object, got null"),
    (json.dumps({"error": {"code": 401, "message": "The request you have made"}}), "The request"),
    (json.dumps({"NeutronError": {"type": "X", "message": "(rule:get_agent)"}}), "rule:get_agent"),
    (
        json.dumps({"agents": [AGENT], "agents_links": [{"rel": "next", "href": "http://x"}]}),
        "it is one page of several",
    ),
    *(
        (json.dumps({"agents": [AGENT, {**AGENT, name: value}]}), f"agents[1].{said}")
        for name, value, said in (
            ("alive", "yes", "alive: expected true or false, got 'yes'"),
            ("host", None, "host: expected a string, got null"),
            ("configurations", "{}", "configurations: expected an object, got '{}'"),
            ("configurations", [], "configurations: expected an object, got []"),
        )
    ),
    *(
        (
            json.dumps({"agents": [{k: AGENT[k] for k in AGENT if k != name}]}),
            f"agents[0]: it has no {name!r}",
        )
        for name in AGENT
    ),
]
SWITCH_PORT = {
    "switch": "0x1",
    "node": "sw1",
    "number": 1,
    "capacity": 10**15,
    "enforces": True,
    "peer": None,
    "table": "",
}
FABRIC = [
    (
        json.dumps({"ports": [], "switch_ports": [SWITCH_PORT], "problems": []}),
        "expected a table of at most 65535 entries, got 1000000000000000",
    ),
    ("{}", "it has no 'ports'"),
    ('{"ports": [], "switch_ports": []}', "it has no 'problems'"),
    (
        '{"ports": {"a": 1}, "switch_ports": [], "problems": []}',
        "ports: expected a list, got {'a': 1}",
    ),
    ('{"ports": [5], "switch_ports": [], "problems": []}', "ports[0]: expected an object, got 5"),
    ('{"ports": [{"guid": "x"}], "switch_ports": [], "problems": []}', "'x'"),
]


def complaint(read: Callable[[], Any]) -> str:
    with pytest.raises(BadInput) as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize(("text", "said"), [*ANYTHING, *AGENTS])
def test_no_answer_of_the_api_for_agents(text: str, said: str) -> None:
    found = complaint(lambda: load_agents(text, "site/agents.json"))

    assert found.startswith("cannot read site/agents.json: ")
    assert said in found
    assert "GET /v2.0/agents: `ibstack verify cloud --write FOLDER` writes it" in found
    assert not PYTHON.search(found)


@pytest.mark.parametrize(("text", "said"), [*ANYTHING, *FABRIC])
def test_no_look_at_a_fabric(text: str, said: str) -> None:
    found = complaint(lambda: recorded.load(text, "site/fabric.json"))

    assert found.startswith("cannot read site/fabric.json: ")
    assert said in found
    assert "`ibstack verify fabric --write FOLDER`" in found
    assert not PYTHON.search(found)


@pytest.mark.parametrize("name", ["agents.json", "fabric.json"])
def test_a_folder_in_its_place(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    assert complaint(lambda: load(tmp_path)).endswith(f"{name}: Is a directory")


def test_what_windows_puts_before_it_is_read_over() -> None:
    (agent,) = load_agents(f"\ufeff{WHOLE}", "agents.json")

    assert agent.host == "node001"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["agents", "ports", "switch_ports", "problems", *AGENT, "guid"]),
                inner,
                max_size=7,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused_in_words(value: Any) -> None:
    for read in (load_agents, recorded.load):
        said = "cannot read FILE: nothing"
        try:
            read(json.dumps(value), "FILE")
        except BadInput as error:
            said = str(error)
        assert said.startswith("cannot read FILE: ")
        assert not PYTHON.search(said)


def test_what_was_written_is_read_back() -> None:
    agent = Agent("DHCP agent", "neutron-dhcp-agent", "node001", True, False, {"a": [1]})
    assert load_agents(dump_agents([agent]), "f") == (agent,)
    assert recorded.load(recorded.dump(ObservedFabric((), (), ())), "f") == ObservedFabric(
        (), (), ()
    )
