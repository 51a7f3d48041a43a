# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack_lab.folder import SERVICES, LabFolder, free_ports, listening

if TYPE_CHECKING:
    from pathlib import Path


def test_ports_stay_the_same_until_they_are_given_up(tmp_path: Path) -> None:
    lab = LabFolder(tmp_path / "lab")
    lab.choose_ports()
    ports = [lab.port(service) for service in SERVICES]
    lab.choose_ports()

    assert [LabFolder(lab.root).port(service) for service in SERVICES] == ports
    assert len(set(ports)) == len(SERVICES)


def test_a_lab_that_is_not_up_has_no_ports(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it is not up"):
        LabFolder(tmp_path).port("neutron")


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports(1)[0]))
        taken.listen()
        port = taken.getsockname()[1]

        assert listening(port)
        assert port not in free_ports(11_000)
    assert not listening(port)


def test_a_path_that_sockets_do_not_fit_into_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too long for the unix sockets"):
        LabFolder.at(tmp_path / ("x" * 80))
