# SPDX-License-Identifier: Apache-2.0
"""nova's own libvirt VIF driver runs our ebrctl, and a VF is programmed and cleared."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.adapter import AdapterKind
from nova_process import NovaCompute
from one_host import OneHost, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=AdapterKind, ids=lambda kind: kind.value)
def host(request: pytest.FixtureRequest) -> Iterator[OneHost]:
    with OneHost(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def nova(host: OneHost) -> Iterator[NovaCompute]:
    started = NovaCompute.start(host.socket)
    yield started
    started.stop()


def test_nova_plugs_and_unplugs_a_vf(host: OneHost, nova: NovaCompute) -> None:
    port = host.port(0)
    host.create(port)

    assert nova.ask("plug", port)["said"] == []
    assert str(host.vf(0).entry) == port.entry
    eventually(lambda: host.is_live(port), what="the port is live")

    assert nova.ask("unplug", port)["said"] == []
    assert host.vf(0).entry is None
    eventually(lambda: host.is_clean(port), what="the VF is clean")


def test_nova_may_plug_and_unplug_twice(host: OneHost, nova: NovaCompute) -> None:
    port = host.port(1)
    host.create(port)

    said = [nova.ask(verb, port)["said"] for verb in ("plug", "plug", "unplug", "unplug")]

    assert said == [[], [], [], []]
    eventually(lambda: host.is_clean(port), what="the VF is clean")


def test_nova_plugs_while_eswitchd_is_restarted(host: OneHost, nova: NovaCompute) -> None:
    port = host.port(2)
    host.create(port)
    answers: list[dict[str, Any]] = []
    host.kill_eswitchd()

    plugging = threading.Thread(target=lambda: answers.append(nova.ask("plug", port)))
    plugging.start()
    host.start_eswitchd()
    plugging.join(60)

    assert [answer["said"] for answer in answers] == [[]]
    eventually(lambda: host.is_live(port), what="the port is live")


def test_what_ebrctl_says_of_a_failure_is_in_the_log_of_nova(
    host: OneHost, nova: NovaCompute
) -> None:
    """nova goes on after a failed plug, so its log is where a person learns why."""
    (said,) = nova.ask("plug", replace(host.port(3), pci="0000:0a:00.1"))["said"]

    assert "Failed while plugging ib hostdev vif" in said
    assert "Exit code: 2" in said
    assert "0000:0a:00.1 is no VF of an adapter of physical network ibhostnet" in said
