# SPDX-License-Identifier: Apache-2.0
"""A host that answers whatever it likes concerns nobody but itself."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.transport import host_answer, remote_script
from ibstack.transport.apply_request import ApplyRequest, ApplyResult, FileRequest, ServiceRequest
from ibstack.transport.query import Observation, Query
from ibstack.transport.ssh_answer import NoAnswer, answer
from ibstack.transport.ssh_task import SshOutput
from transport.ssh_fleet import Fleet, answering, close_fleet, open_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WELL, ILL = "node001", "node002"
FILE = PurePosixPath("/etc/neutron/agent.ini")
LOOK = Query((FILE,), ("opensm",))
ORDER = ApplyRequest((FileRequest(FILE, None, b"new\n"),), (ServiceRequest("opensm", "start"),))
SHOWN: dict[str, Any] = {
    "files": {str(FILE): {"content": None}},
    "services": {"opensm": "UP"},
    "failed": "",
    "boot": "first",
    "kernel": "quiet",
}
DONE: dict[str, Any] = {"files": {str(FILE): ["", "", ""]}, "services": [""]}
MIB = 1 << 20


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = open_fleet(tmp_path_factory.mktemp("fleet"), (WELL, ILL))
    yield fleet
    close_fleet(fleet)


@pytest.fixture
def fleet(started: Fleet) -> Fleet:
    started.begin_anew()
    for name in (WELL, ILL):
        started.set_units(name, {"opensm.service": {"active": "active"}})
    return started


def without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key not in keys}


WRONG: dict[str, object] = {
    "empty": {},
    "a list": [],
    "nothing": None,
    "a number": 5,
    "files left out": without(SHOWN, "files"),
    "another file": SHOWN | {"files": {"/etc/shadow": {"content": None}}},
    "one file more": SHOWN | {"files": {**SHOWN["files"], "/x": {"content": None}}},
    "a file that is a list": SHOWN | {"files": {str(FILE): []}},
    "content that is no text": SHOWN | {"files": {str(FILE): {"content": 7}}},
    "content that is not packed": SHOWN | {"files": {str(FILE): {"content": "%"}}},
    "services left out": without(SHOWN, "services"),
    "no service": SHOWN | {"services": {}},
    "an odd state": SHOWN | {"services": {"opensm": "UP\x1b[2J"}},
    "a failure that is no text": SHOWN | {"failed": ["x"]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_an_answer_of_another_shape_is_garbled_and_the_others_are_heard(
    fleet: Fleet, wrong: object
) -> None:
    fleet.set_python(ILL, answering(remote_script.packed(wrong)))

    seen = fleet.hosts().query({WELL: LOOK, ILL: LOOK})

    assert seen[WELL].up
    assert (seen[ILL].state, seen[ILL].flags) == (None, ("garbled",))
    assert seen[ILL].why.startswith("its answer was garbled: ")


@pytest.mark.parametrize(
    "wrong", [{}, DONE | {"services": []}, DONE | {"files": {}}, DONE | {"services": "x"}, [DONE]]
)
def test_an_answer_to_an_order_of_another_shape_may_have_been_done(
    fleet: Fleet, wrong: object
) -> None:
    fleet.set_python(ILL, answering(remote_script.packed(wrong)))

    done = fleet.hosts().apply({WELL: ORDER, ILL: ORDER})

    assert (fleet.root(WELL) / str(FILE).lstrip("/")).read_bytes() == b"new\n"
    assert not done[WELL].failed
    assert "its answer was garbled: " in done[ILL].failed
    assert done[ILL].failed.endswith("drift tells")


def test_an_answer_nested_beyond_measure_is_garbled(fleet: Fleet) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    fleet.set_python(ILL, answering(packed_text(deep)))

    assert fleet.hosts().query({ILL: Query()})[ILL].flags == ("garbled",)


def packed_text(text: str) -> str:
    """Return *text* as `packed` would make a value that is written so."""
    return base64.b64encode(zlib.compress(text.encode(), 1)).decode("ascii")


@pytest.mark.parametrize(
    "command",
    [
        answering(packed_text(json.dumps("x" * 100 * MIB))),
        "exec yes",
        "exec yes >&2",
        "exec tr '\\0' x </dev/zero",
        "exec tr '\\0' x </dev/zero >&2",
    ],
    ids=["packed", "endless", "endless errors", "one endless line", "one endless line of errors"],
)
def test_what_a_host_says_takes_little_memory(fleet: Fleet, command: str) -> None:
    fleet.set_python(ILL, command)
    ask = fleet.hosts()
    ask.query({WELL: Query()})

    Path("/proc/self/clear_refs").write_text("5")
    before = peak_bytes()
    seen = ask.query({WELL: Query(), ILL: Query()})

    assert peak_bytes() - before < 20 * MIB
    assert seen[WELL].up
    assert seen[ILL].flags == ("garbled",)
    assert "large" in seen[ILL].why


def peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def test_what_a_host_says_is_fit_for_a_terminal(fleet: Fleet) -> None:
    said = "no\x1b[2J\x07\r\u202eluck\nnode001: all is well"
    fleet.set_python(ILL, answering(remote_script.packed(SHOWN | {"failed": said})))
    shown = fleet.hosts().query({ILL: LOOK})[ILL].services_unknown
    fleet.set_python(ILL, "printf 'out\\033]0;of\\007 luck\\n' >&2; exit 3")
    failed = fleet.hosts().query({ILL: LOOK})[ILL].why

    assert shown == "no\\x1b[2J\\x07\\r\\u202eluck\\nnode001: all is well"
    assert failed == "Python there failed: out\\x1b]0;of\\x07 luck"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["files", "services", "failed", "stale", "content", str(FILE), "opensm"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(values | st.builds(lambda more: SHOWN | DONE | more, st.dictionaries(st.text(), values)))
def test_no_answer_is_more_than_garbled(value: object) -> None:
    readers: list[tuple[Callable[[object], Observation | ApplyResult | str], type]] = [
        (lambda found: host_answer.observation(found, LOOK), Observation),
        (lambda found: host_answer.apply_result(found, ORDER), ApplyResult),
        (host_answer.boot, str),
        (host_answer.failure, str),
    ]
    lines = [
        f"{remote_script.MARK}{remote_script.packed(value)}".encode(),
        remote_script.END.encode(),
    ]

    for read, kind in readers:
        heard = answer(SshOutput(lines, [], 0), 1, MIB, read)
        assert isinstance(heard, (kind, NoAnswer))


@given(st.binary(max_size=60))
def test_no_text_is_more_than_garbled(text: bytes) -> None:
    lines = [remote_script.MARK.encode() + text, remote_script.END.encode()]

    heard = answer(SshOutput(lines, [], 0), 1, MIB, host_answer.failure)
    assert isinstance(heard, (str, NoAnswer))


@pytest.mark.parametrize("name", ["a.yaml", "b.yaml"])
def test_of_a_pattern_what_fits_is_read(name: str) -> None:
    asked = Query((PurePosixPath("/etc/groups.d/*.yaml"),))
    path = f"/etc/groups.d/{name}"

    seen = host_answer.observation({"files": {path: {"content": "eA=="}}, "services": {}}, asked)

    assert seen.files.contents == {PurePosixPath(path): b"x"}


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/groups.d/x", "/etc/groups.d/x/y.yaml"])
def test_of_a_pattern_nothing_else_is_read(path: str) -> None:
    asked = Query((PurePosixPath("/etc/groups.d/*.yaml"),))

    with pytest.raises(host_answer.BadAnswer, match="other files"):
        host_answer.observation({"files": {path: {"content": None}}, "services": {}}, asked)


def test_the_right_answers_are_read() -> None:
    seen = host_answer.observation(json.loads(json.dumps(SHOWN)), LOOK)

    assert (seen.up, seen.services, seen.files.contents) == (True, {"opensm": "UP"}, {FILE: None})
    assert host_answer.apply_result(DONE, ORDER).services == ("",)
    assert host_answer.apply_result({"stale": True}, ORDER).stale
    assert host_answer.apply_result({"failed": "no"}, ORDER).failed == "no"
