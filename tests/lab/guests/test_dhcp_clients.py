# SPDX-License-Identifier: Apache-2.0
"""What each DHCP client of a guest is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.lab.guests.dhcp_clients import DhcpClient, parse_identifier, prepare

IDENTIFIER = "20:fa:16:3e:00:00:12:34:56"


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients' programs, wherever this runs: nothing of them is started."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("udhcpc", "dhclient"):
        (folder / name).write_text("")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_udhcpc_is_told_option_61(tmp_path: Path) -> None:
    argv = prepare(DhcpClient.UDHCPC, tmp_path / "vm", IDENTIFIER)

    assert argv[argv.index("-x") + 1] == "0x3d:20fa163e0000123456"


def test_dhclient_is_told_its_identifier_in_its_configuration(tmp_path: Path) -> None:
    argv = prepare(DhcpClient.DHCLIENT, tmp_path / "vm", IDENTIFIER)

    text = Path(argv[argv.index("-cf") + 1]).read_text()
    assert text.startswith(f"send dhcp-client-identifier {IDENTIFIER};\n")


def test_nothing_of_a_client_is_outside_its_guests_folder(tmp_path: Path) -> None:
    for client in (DhcpClient.UDHCPC, DhcpClient.DHCLIENT):
        argv = prepare(client, tmp_path / client.value, IDENTIFIER)

        paths = [word for word in argv if word.startswith("/")]
        assert paths
        assert all(path.startswith(str(tmp_path / client.value)) for path in paths)


@pytest.mark.parametrize("client", [DhcpClient.UDHCPC, DhcpClient.DHCLIENT])
def test_scripts_are_read_by_a_shell_without_a_complaint(
    client: DhcpClient, tmp_path: Path
) -> None:
    prepare(client, tmp_path / "vm", IDENTIFIER)

    scripts = [f for f in (tmp_path / "vm").iterdir() if f.read_text().startswith("#!")]
    assert scripts
    for script in scripts:
        subprocess.run(("sh", "-n", str(script)), check=True)


def test_networkd_cannot_be_told(tmp_path: Path) -> None:
    if not Path("/lib/systemd/systemd-networkd").exists():
        pytest.skip("needs systemd-networkd")
    with pytest.raises(BadInput, match="cannot have networkd ask with client-id 20:"):
        prepare(DhcpClient.NETWORKD, tmp_path / "vm", IDENTIFIER)


def test_a_missing_program_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        BadInput, match="there is no dhclient; say: apt-get install isc-dhcp-client"
    ):
        prepare(DhcpClient.DHCLIENT, tmp_path / "vm", IDENTIFIER)


def test_an_identifier_is_read_in_capitals() -> None:
    assert parse_identifier(f" {IDENTIFIER.upper()}\n") == IDENTIFIER


@pytest.mark.parametrize("text", ["", "20", "20fa", "20:fg", "20:fa:", "a; send x", "20:fa" * 200])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="expected 2 to 255 colon-separated bytes"):
        parse_identifier(text)
