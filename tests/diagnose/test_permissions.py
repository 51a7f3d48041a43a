# SPDX-License-Identifier: Apache-2.0
"""What somebody may not read is not known: it is no fault of the port's way."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from oslo_config import cfg

from explained_ports import healthy
from ibstack.diagnose import local_dhcp, local_fabric, local_vf
from ibstack.diagnose.diagnosis import diagnose
from ibstack.diagnose.host_facts import FabricFacts, Question
from ibstack.diagnose.local_dhcp import DhcpSource
from ibstack.diagnose.local_fabric import FabricSource
from ibstack.diagnose.local_vf import VfSource
from ibstack.fabric.errors import TryLater
from ibstack.mad import CannotReadFabric
from ibstack.subnet_manager.fabricd import options
from ibstack.views.diagnosis import dhcp_state

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
MAC = "fa:16:3e:00:00:01"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that anybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def hidden(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_socket_that_does_not_let_us_in_is_no_daemon_that_does_not_answer(folder: Path) -> None:
    path = folder / "eswitchd.sock"
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen()
        path.chmod(0o600)
        with nobody(), pytest.raises(TryLater) as refused:
            local_vf.read(VfSource("node002", str(path)), Question(MAC))

    facts = replace(healthy("mlx5"), vf=None, missing=(("vf", str(refused.value)),))
    explained = diagnose(facts)
    assert explained.exit_code == 4
    assert "eswitchd answers" in explained.unknown


@pytest.mark.parametrize("name", ["host", "leases"])
def test_files_of_dnsmasq_that_may_not_be_read_are_not_known(folder: Path, name: str) -> None:
    network = folder / "dhcp" / "n1"
    network.mkdir(parents=True)
    for each in ("host", "leases"):
        (network / each).write_text("")
    hidden(network / name, "")

    with nobody(), pytest.raises(TryLater, match=f"{network / name}: Permission denied"):
        local_dhcp.read(DhcpSource("node001", folder), Question(MAC, network="n1"))


def test_a_folder_of_dnsmasq_that_may_not_be_entered_is_not_known(folder: Path) -> None:
    (folder / "dhcp").mkdir(mode=0o700)

    with nobody(), pytest.raises(TryLater, match="Permission denied"):
        local_dhcp.read(DhcpSource("node001", folder), Question(MAC, network="n1"))


@pytest.mark.parametrize("name", ["neutron.conf", "neutron/neutron.conf"])
def test_settings_of_the_dhcp_agent_that_may_not_be_read_are_not_known(
    folder: Path, name: str
) -> None:
    conf = hidden(folder / name, "[DEFAULT]\nstate_path = /srv/neutron\n")
    if conf.parent != folder:
        conf.parent.chmod(0o700)

    with nobody(), pytest.raises(TryLater, match="cannot tell where neutron-dhcp-agent keeps"):
        dhcp_state([str(conf)])


def test_the_dhcp_agent_keeps_its_files_where_the_last_of_its_files_says(folder: Path) -> None:
    first, second = folder / "neutron.conf", folder / "dhcp_agent.ini"
    first.write_text("[DEFAULT]\nstate_path = /srv/neutron\n")
    assert dhcp_state([str(first), str(second)]) == Path("/srv/neutron")

    second.write_text("[DEFAULT]\nstate_path = /srv/dhcp\n")
    assert dhcp_state([str(first), str(second)]) == Path("/srv/dhcp")
    assert dhcp_state([]) == Path("/var/lib/neutron")


def seen_by_nobody(partitions_conf: Path, state: Path) -> FabricFacts:
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], default_config_files=[])
    given: dict[str, Any] = {"partitions_conf": str(partitions_conf), "state_path": str(state)}
    for name, value in {**given, "physical_network": "ibhostnet"}.items():
        conf.set_override(name, value, "fabric")

    def nowhere() -> Any:
        raise CannotReadFabric("no adapter", "plug one in")

    def nothing() -> Any:
        raise TryLater("no message bus")

    place = FabricSource("head", options.read_settings(conf), nowhere, nothing)
    with nobody():
        return local_fabric.read(place, Question(MAC, key=0x101))


@pytest.mark.parametrize("what", ["partitions.conf", "state/publication.json", "locked/x.conf"])
def test_a_partitions_file_that_may_not_be_read_was_edited_by_nobody(
    folder: Path, what: str
) -> None:
    (folder / "locked").mkdir()
    hidden(folder / what, "{}")
    (folder / "locked").chmod(0o700)
    file = folder / (what if what.endswith(".conf") else "partitions.conf")
    if not what.endswith(".conf"):
        file.write_text("")

    facts = seen_by_nobody(file, folder / "state")

    assert facts.file is not None
    assert facts.file.whose == "not known"
    (fault,) = facts.file.faults
    assert fault.startswith(f"cannot read {folder / what}: Permission denied; run this as root")
    fabric = healthy("mlx5").fabric
    assert fabric is not None
    explained = diagnose(replace(healthy("mlx5"), fabric=replace(fabric, file=facts.file)))
    assert explained.unknown == ("membership published", "file loaded")


def test_a_partitions_file_that_is_not_there_is_nobodys(folder: Path) -> None:
    facts = seen_by_nobody(folder / "partitions.conf", folder / "state")

    assert facts.file is not None
    assert (facts.file.whose, facts.file.faults) == ("nobody's", ())
