# SPDX-License-Identifier: Apache-2.0
"""DHCP requests are watched by root, on a host of neutron-dhcp-agent."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.views.dhcp_watch import watch_requests

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_but_root_watches(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this needs root"):
        watch_requests(tmp_path, print, "", Event(), uid=1000)


def test_a_host_without_the_agents_folder_is_named_with_the_option_for_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no folder .*; give --state-path"):
        watch_requests(tmp_path / "none", print, "", Event(), uid=0)


def test_it_ends_when_it_is_stopped(tmp_path: Path) -> None:
    stopped, remarks = Event(), list[str]()
    stopped.set()

    watch_requests(tmp_path, remarks.append, "", stopped, uid=0)

    assert remarks == []
