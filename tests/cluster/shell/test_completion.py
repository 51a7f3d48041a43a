# SPDX-License-Identifier: Apache-2.0
"""What Tab offers, on the article's cluster."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.article import starting_state
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.inheritance import effective_services
from ibstack.cluster.model.state import Draft, State
from ibstack.cluster.shell.completion import complete
from ibstack.cluster.shell.place import TOP, Place
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.vocabulary import Vocabulary

CLUSTER = Draft(State(starting_state()))
WORDS = Vocabulary(COMMANDS)
FILES = ("/root/nodes.cmsh", "/root/notes")
NODES = ("node001", "node002", "node003")
IMAGES = ("openstack-image", "virtual-node-image")
AT_NODE001 = Place((("device", "node001"),))
IN_SERVICES = Place((("device", "node001"), ("services", "")))


def files(prefix: str) -> Sequence[str]:
    return [each for each in FILES if each.startswith(prefix)]


def offered(text: str, place: Place = TOP) -> tuple[str, ...]:
    return complete(text, place, CLUSTER, WORDS, files).words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dev", ("device",)),
        ("DEV", ("device",)),
        ("device u", ("use", "usedby", "undo", "unalias")),
        ("device use no", NODES),
        ("device use m", ("master",)),
        ("device get node002 soft", ("softwareimage",)),
        ("device set node001 softwareimage ", IMAGES),
        ('device set node001 softwareimage "open', IMAGES[:1]),
        ("device set node001 installmode n", ("NOSYNC",)),
        ("network set internalnet openstacknetworkisshared ", ("yes", "no")),
        ("device roles node0", NODES),
        ("device roles node001 ass", ("assign",)),
        ("device add ph", ("PhysicalNode",)),
        ("device add physicalnode node0", ()),
        ("device add physicalnode node004 10.141.0.4 in", ()),
        ("device interfaces node001 add vl", ("vlan",)),
        ("device interfaces node001 add physical ib0 10.149.0.1 int", ("internalnet",)),
        ("device power o", ("on", "off")),
        ("help set", ("set",)),
        ("run /root/n", FILES),
        ("device list > /root/no", FILES),
        ("device list | gr", ()),
        ("!ls /ro", ()),
        ("get `ho", ()),
        ("bogus no", ()),
        ("device list )", ()),
    ],
)
def test_a_statement_is_completed_from_the_top(text: str, words: tuple[str, ...]) -> None:
    assert offered(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("device foreach -n node001..no", tuple(f"node001..{name}" for name in NODES)),
        ("device foreach -n node001,-node00", tuple(f"node001,-{name}" for name in NODES)),
        ("device foreach --nodes node001,master,virt", ()),
        ("device foreach -c virtual-nodes,virt", ("virtual-nodes,virtual-nodes",)),
        ("device foreach -m vi", IMAGES[1:]),
        ("device foreach -l openstackne", ("openstacknetwork",)),
        ("device foreach -t v", ("VirtualNode",)),
        ("device foreach --no", ("--nodes",)),
        ("device list -f hostname,cat", ("hostname,category",)),
        ("device list -f js", ("json",)),
    ],
)
def test_options_and_lists_are_completed(text: str, words: tuple[str, ...]) -> None:
    assert offered(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("device; set node001 soft", ("softwareimage",)),
        ("device use node001; set soft", ("softwareimage",)),
        ("device use node001; roles; assign subn", ("subnetmanager",)),
        ("device services node001; sto", ("stop",)),
        ("device; use node001; services; home; netw", ("network",)),
        ("device use node001; exit; use no", NODES),
        ("device status node001; use", ()),
        ("device foreach * (set soft", ("softwareimage",)),
        ("device foreach -n node001 (roles; assign inf", ("infinibandhost",)),
        ("category foreach * (get softwareim", ("softwareimage",)),
        ("category clone virtual-nodes new; set softwareim", ()),
        ("category; clone virtual-nodes new; set softwareim", ("softwareimage",)),
    ],
)
def test_what_is_before_on_the_line_counts(text: str, words: tuple[str, ...]) -> None:
    assert offered(text) == words


def test_the_place_counts() -> None:
    assert offered("set softw", AT_NODE001) == ("softwareimage",)
    assert offered("set node00", AT_NODE001) == NODES
    assert offered("set node002 softw", AT_NODE001) == ("softwareimage",)
    assert offered("device use node00", IN_SERVICES) == NODES
    assert offered("device use node002; start", IN_SERVICES) == ("start",)
    assert offered("device use node002; stat", IN_SERVICES) == ("staticroutes", "status")


def test_groups_are_completed_in_node_lists() -> None:
    draft = Draft(State(starting_state()))
    draft.put(Entity(EntityPath.of("nodegroup", "gpu")))

    def with_group(text: str) -> tuple[str, ...]:
        return complete(text, TOP, draft, WORDS).words

    assert with_group("device foreach -g ") == ("gpu",)
    assert with_group("device status -n node001,-@g") == ("node001,-@gpu",)
    assert with_group("device status @category:open") == (
        "@category:openstack-compute-hosts",
        "@category:openstack-network-nodes",
    )


def test_a_service_is_offered_that_a_category_gives_the_node() -> None:
    known = tuple(effective_services(CLUSTER, "node001"))

    assert known
    assert offered("status ", IN_SERVICES) == known


def test_at_the_start_modes_and_commands_are_offered_and_no_signs() -> None:
    words = offered("")

    assert {"device", "category", "commit", "help"} <= {*words}
    assert all(word.isalpha() for word in words)


def test_what_replaces_a_word_begins_where_the_word_does() -> None:
    text = 'device set node001 softwareimage "open'

    assert complete(text, TOP, CLUSTER, WORDS).start == text.index('"')


@given(st.text(alphabet="device use sthom;()\"'`|> \n#!-,.\0", max_size=40))
def test_whatever_is_typed_completion_offers_or_is_silent(text: str) -> None:
    found = complete(text, TOP, CLUSTER, WORDS, files)

    assert 0 <= found.start <= len(text)


def test_aliases_and_what_time_and_watch_run_are_completed() -> None:
    words = Vocabulary(COMMANDS)
    words.aliases["computes"] = "device list"

    def with_alias(text: str) -> tuple[str, ...]:
        return complete(text, TOP, CLUSTER, words).words

    assert with_alias("compu") == ("computes",)
    assert with_alias("unalias c") == ("computes",)
    assert with_alias("watch -n 5 device use node00") == NODES
    assert with_alias("watch -") == ("-n",)
    assert with_alias("time device foreach -c open") == (
        "openstack-compute-hosts",
        "openstack-network-nodes",
    )
    assert with_alias("time com") == ("commit", "computes")
