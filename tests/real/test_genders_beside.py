# SPDX-License-Identifier: Apache-2.0
"""nodeattr is the judge of what /etc/genders says, and of our section beside a site's own lines."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ibstack.cluster.config.genders import GendersText
from ibstack.cluster.config.render import files_of
from ibstack.cluster.config.write import FileAction, apply_files, plan_files
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.naming import group_fault
from ibstack.cluster.model.state import State
from ibstack.cluster.rollout.host_folder import HostFolder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("nodeattr"), reason="needs nodeattr: install genders"),
]

NODES = ("node001", "node002", "node003", "headnode")
OURS = ("all", "computenode", "category=default", "category=gpu", "big")
# Signs and pieces of which lines are made that genders reads, and that it does not.
_LISTS = ("node001", "node[001-002]", "node[001,003]", "node[1-3]", "headnode", "storage01,node003")
_ODD_LISTS = (
    *("node[001-0003]", "node00[1-2]x", "n[", "n]", "n[3-1]", "n[1-]", "n[+1]", "n[]", ",", "a,,b"),
    *("a.b", "rack[1-2]n[1-2]", "x" * 65, "n[1-16385]", "n[-1]", "n[1--2]", "n[1,]", "a,a"),
)
_WORDS = (
    "all",
    "login",
    "rack=1",
    "rack=2",
    "category=default",
    "category=%n",
    "big",
    "big=7",
    "gpu=a=b",
)
_ODD_WORDS = ("", "=x", "rack=", "a,a", "all,all=1", "a b", "c\td", "e#f", "all,", ",all")
_BLANKS = (" ", "\t", "  ", " \t")
_ENDS = ("\n", "\n", "\n", " \n", "\r\n", "\n\n", " # of the site\n", "\0x\n", "")


def lines(lists: tuple[str, ...], words: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    line = st.tuples(
        st.sampled_from(("", "", " ", "#", "\t")),
        st.sampled_from(lists),
        st.sampled_from(_BLANKS),
        st.lists(st.sampled_from(words), min_size=0, max_size=3, unique=True).map(",".join),
        st.sampled_from(_ENDS),
    ).map("".join)
    return st.lists(line, max_size=4).map(lambda made: "".join(made).encode("latin-1"))


class Head:
    """The head node's files, and nodeattr."""

    def __init__(self, root: Path) -> None:
        self.genders = root / "etc/genders"
        self.genders.parent.mkdir(exist_ok=True)
        self._folder = HostFolder(root, lambda: datetime(2014, 10, 17, tzinfo=UTC))

    def nodeattr(self, *argv: str) -> tuple[int, str]:
        whole = ["nodeattr", "-f", str(self.genders), *argv]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def nodes(self, query: str) -> list[str]:
        status, said = self.nodeattr("-n", query)
        assert status == 0, said
        return sorted(said.split())

    def commit(self, state: State) -> list[str]:
        files = {p: f for p, f in files_of(state, "headnode").items() if p.name == "genders"}
        events = apply_files(self._folder, plan_files(self._folder, files))
        return [text for event in events for text, _ in event.messages()]

    def drift(self, state: State) -> list[str]:
        files = {p: f for p, f in files_of(state, "headnode").items() if p.name == "genders"}
        steps = plan_files(self._folder, files)
        assert all(step.action in (FileAction.SHORT, FileAction.BLOCKED) for step in steps)
        return [text for step in steps for text in (*step.warnings, step.why) if text]


@pytest.fixture
def head(tmp_path: Path) -> Head:
    return Head(tmp_path)


@pytest.fixture
def state() -> State:
    return cluster("default", "gpu", "big")


def cluster(category: str, other: str, group: str) -> State:
    """Return a head node, node001 and node002 of one category, node003 of another, and a group."""
    entities = [
        Entity(EntityPath.of("device", "headnode"), "HeadNode"),
        *(Entity(EntityPath.of("category", name)) for name in {category, other}),
        *(
            Entity(EntityPath.of("device", name), "PhysicalNode", {"category": of})
            for name, of in zip(NODES, (category, category, other), strict=False)
        ),
        Entity(EntityPath.of("nodegroup", group), "", {"nodes": ("node002", "node003")}),
    ]
    return State(entities, 1)


_SLOW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@_SLOW
@given(content=lines((*_LISTS, *_ODD_LISTS), (*_WORDS, *_ODD_WORDS)))
@example(content=b"node001 all\nnode[001-002] all\n")
@example(content=b"node09 a\nnode[9-10] a\nnode[09-10] b\nnode010 b\n")
@example(content=b"a,a all\nb[1,1]\n")
@example(content=b"node001 " + b"x" * 65534)
def test_a_file_says_to_us_what_it_says_to_nodeattr(head: Head, content: bytes) -> None:
    head.genders.write_bytes(content)

    found = GendersText(content)

    said = head.nodeattr("-k")[1]
    judged = {int(number) for number in re.findall(r"^Line (\d+):", said, re.MULTILINE)}
    if not re.search("maximum allowed length|overflow", said) and len(content) < 60000:
        certain = {each.line for each in found.faults if not each.of_some_builds}
        assert certain <= judged <= {each.line for each in found.faults}, said
    if not found.faults:
        for word in ("all", "login", "rack=2", "category=node002", "gpu=a=b", "big"):
            name, _, value = word.partition("=")
            mine = [
                node
                for node, known in found.attributes.items()
                if name in known and (not value or known[name].of(node) == value)
            ]
            # Listed, genders expands a second pair of brackets too; asked, it does not know it.
            assert head.nodes(word) == sorted(NodeSet.fromlist(mine, resolver=RESOLVER_NOGROUP))


@_SLOW
@given(content=lines(_LISTS, _WORDS))
@example(content=b"headnode all,login\nnode001 all,compute,rack=1\nstorage01 all,lustre\n")
@example(content=b"node[001-003] category=gpu")
def test_our_section_takes_no_query_from_a_site(head: Head, state: State, content: bytes) -> None:
    head.genders.write_bytes(content)
    readable = head.nodeattr("-k")[0] == 0
    words = ("all", "login", "rack=1", "lustre", "computenode", "category=gpu", "big", "big=7")
    before = {word: set(head.nodes(word)) for word in words} if readable else {}

    said = head.commit(state)

    if not readable:
        assert head.genders.read_bytes() == content
        assert len(said) == 1
        assert "which genders does not read: line " in said[0]
        assert head.drift(state)
        return
    ours = {"all": {*NODES}, "computenode": {*NODES} - {"headnode"}, "big": {"node002", "node003"}}
    ours["category=gpu"] = {"node003"}
    assert head.nodeattr("-k")[0] == 0
    for word in words:
        missing = (before[word] | ours.get(word, set())) - set(head.nodes(word))
        told = " ".join(said)
        assert not missing or (word == "category=gpu" and "category of node003: wanted" in told)
        assert set(head.nodes(word)) <= before[word] | ours.get(word, set())
    assert head.drift(state) == [each for each in said if not re.match("create|replace", each)]
    assert head.commit(state) == head.drift(state)
    assert head.genders.read_bytes().startswith(content)


def test_what_an_older_ibstack_has_broken_is_mended(head: Head, state: State) -> None:
    head.commit(state)
    head.genders.write_bytes(head.genders.read_bytes() + b"node001 all,login\n")
    assert head.nodeattr("-k")[0] != 0

    head.commit(state)

    assert head.nodes("login") == ["node001"]
    assert head.nodes("all") == sorted(NODES)


NAMES = st.from_regex(r"[A-Za-z0-9_][a-c0-1_.:+@-]{0,6}", fullmatch=True)


@_SLOW
@given(name=NAMES, other=NAMES)
@example(name="a--b", other="a")
@example(name="a-", other="a")
@example(name="_a", other="a")
@example(name="a@b", other="a")
def test_a_name_that_is_accepted_is_one_word_to_genders(head: Head, name: str, other: str) -> None:
    state = cluster(name, "default", name + "x")
    if name == other:
        return
    head.genders.unlink(missing_ok=True)

    said = " ".join(head.commit(state))

    for kind, query, nodes in (
        ("category", f"category={name}", ["node001", "node002"]),
        ("nodegroup", f"{name}x", ["node002", "node003"]),
    ):
        called = query.removeprefix("category=")
        if group_fault(kind, called):
            assert f"{called}: wanted a group, but" in said
        else:
            assert head.nodes(query) == nodes
    assert head.nodes("all") == sorted(NODES)


def test_without_the_judgement_a_query_runs_elsewhere(head: Head) -> None:
    head.genders.write_text("node001 category=a--b\nnode002 category=a\n")
    assert head.nodes("category=a--b") == ["node002"]

    head.genders.write_text("node001 _gpu\nnode002 gpu\n")
    assert head.nodes("_gpu") == ["node002"]


def test_a_name_of_an_older_store_is_loaded_and_told_of(head: Head) -> None:
    said = head.commit(cluster("a--b", "default", "all"))

    assert any("category a--b: wanted a group, but pdsh -g and" in each for each in said)
    assert any("nodegroup all: wanted a group, but pdsh and Clu" in each for each in said)
    assert head.nodes("computenode") == ["node001", "node002", "node003"]
