# SPDX-License-Identifier: Apache-2.0
"""What reaches a host with an adapter: requests, answers, and the attributes of sysfs."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import shutil
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack.formats.codec import from_json, to_json
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.host.client.observed import ObservedHost
from ibstack.host.eswitchd.attachments import Attachments
from ibstack.host.eswitchd.eswitch import Eswitch
from ibstack.host.eswitchd.eswitch_requests import answer
from one_adapter import MACS, RED, OneAdapter, Variant
from vport_driver import Vport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


NET: Final = "ibhostnet"
VFS: Final = 2
_MOST_LINES: Final = 8
_LONGEST_MESSAGE: Final = 2000
_KINDS: Final = {"bad-input", "try-later", "refused", "failed"}


@functools.cache
def adapter(variant: Variant) -> OneAdapter:
    """Return the host of this process that has such an adapter; it goes with the process."""
    made = OneAdapter(variant, vfs=VFS).__enter__()
    atexit.register(made.__exit__, None, None, None)
    return made


# Requests and answers.


_SERVED: Final = Variant.MLX5_FILES
"""An adapter of mlx4 has so many attributes that a request takes ten times as long."""


@functools.cache
def _serving() -> Eswitch:
    host = adapter(_SERVED)
    eswitch = Eswitch(host.adapters(), Attachments(host.folder / "served"))
    eswitch.stop()  # Nobody waits for what may come.
    return eswitch


def eswitchd_request(data: bytes) -> None:
    """Lines to eswitchd: each is answered by one, and what is refused changes nothing."""
    host, eswitch = adapter(_SERVED), _serving()
    eswitch.attach(NET, MACS[0], host.pci(0), 0)
    eswitch.configure(host.pci(0), MACS[0], RED, link_up=True)
    try:
        for line in data.split(b"\n")[:_MOST_LINES]:
            _ask(host, eswitch, line)
    finally:
        for each in eswitch.read().attachments:
            eswitch.detach(each.physical_network, each.mac)
    assert eswitch.read().attachments == ()


def _ask(host: OneAdapter, eswitch: Eswitch, line: bytes) -> None:
    before = eswitch.read()
    host.sysfs.writes.clear()
    said = answer(eswitch, line)
    assert said.endswith(b"\n")
    assert said.count(b"\n") == 1
    found = json.loads(said)
    if found["ok"] is True:
        return
    assert found["kind"] in _KINDS
    assert found["error"].startswith("cannot ")
    assert len(said) < _LONGEST_MESSAGE
    assert host.sysfs.writes == []
    assert eswitch.read() == before


class _Told(EswitchClient):
    """A client to whom a daemon has said *said*, whatever it asked."""

    def __init__(self, said: bytes) -> None:
        super().__init__("/nonexistent")
        self._said = said

    def _exchange(self, request: bytes, wait_s: float) -> bytes:
        return self._said


def eswitchd_answer(data: bytes) -> None:
    """What eswitchd, of this release or another, answers to its clients."""
    client = _Told(data)
    with contextlib.suppress(IbstackError):
        found = client.read()
        assert from_json(ObservedHost, to_json(found)) == found
    for ask in (
        client.counts,
        lambda: client.detach(NET, MACS[0]),
        lambda: client.watch(1, wait_s=0),
        lambda: client.attach(NET, MACS[0], adapter(_SERVED).pci(0)),
    ):
        with contextlib.suppress(IbstackError):
            ask()


# Attributes.


@functools.cache
def attributes(host: OneAdapter) -> tuple[Path, ...]:
    """Return the attributes of the adapter, of which long lists have few."""
    found = (path for path in host.hardware.root.rglob("*") if path.is_file())
    return tuple(sorted(p for p in found if not (p.name.isdigit() and int(p.name) > 3)))


def sysfs(data: bytes) -> None:
    """A byte for the kind of adapter; then pieces of attribute, length, and that much content."""
    variants = list(Variant)
    host = adapter(variants[(data[0] if data else 0) % len(variants)])
    places = attributes(host)
    changes: dict[Path, bytes] = {}
    at = 1
    while at + 1 < len(data):
        end = at + 2 + data[at + 1]
        changes[places[data[at] % len(places)]] = data[at + 2 : end]
        at = end
    every_verb(host, changes)


def every_verb(host: OneAdapter, changes: Mapping[Path, bytes]) -> None:
    """Ask for everything while attributes hold *changes*; then the adapter is as it was."""
    before = {path: path.read_bytes() for path in attributes(host)}
    for path, content in changes.items():
        path.write_bytes(content)
    try:
        _ask_for_everything(host, changes)
    finally:
        shutil.rmtree(host.folder / "state", ignore_errors=True)
        for path, content in before.items():
            path.write_bytes(content)
        host.driver.vports[:] = [Vport() for _ in host.driver.vports]


def _ask_for_everything(host: OneAdapter, changes: Mapping[Path, bytes]) -> None:
    eswitch = Eswitch(host.adapters(), Attachments(host.folder / "state"))
    eswitch.stop()
    host.sysfs.writes.clear()
    seen = eswitch.read()
    eswitch.fingerprint()
    eswitch.reconcile()
    assert host.sysfs.writes == [], "looking writes nothing"
    assert seen.adapters or seen.problems, f"{changes} is not told"
    assert seen.attachments == ()
    pci, mac = host.pci(0), MACS[0]
    for verb in (
        lambda: eswitch.adopt(NET, mac, pci, RED),
        lambda: eswitch.attach(NET, mac, pci, 0),
        lambda: eswitch.configure(pci, mac, RED, link_up=True),
        eswitch.read,
        lambda: eswitch.detach(NET, mac),
    ):
        with contextlib.suppress(IbstackError):
            verb()
    others = [path for path in host.sysfs.writes if _is_of_the_other_vf(path)]
    assert others == []
    assert host.driver.vports[1] == Vport()


def _is_of_the_other_vf(path: str) -> bool:
    return path.endswith(("admin_guids/2", "sriov/1/node", "sriov/1/port", "sriov/1/policy"))
