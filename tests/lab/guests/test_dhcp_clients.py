# SPDX-License-Identifier: Apache-2.0
"""What each DHCP client of a guest is told, and where; what they do is in test_guest_view.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ibstack.fabric.errors import BadInput, BadValue
from ibstack_lab.guests.dhcp_clients import UNPACKED, DhcpClient, parse_identifier

IDENTIFIER = "20:fa:16:3e:00:00:12:34:56"
LEGACY = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:12:34:56"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the clients' programs, wherever this runs: nothing of them is started."""
    names = ("lib/systemd/systemd-networkd", "usr/sbin/NetworkManager", "bin/dbus-daemon")
    for name in names:
        path = tmp_path / UNPACKED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / UNPACKED / 'bin'}:/usr/bin:/bin")
    return tmp_path / "run"


def files(run: Path) -> dict[str, str]:
    return {str(f.relative_to(run)): f.read_text() for f in run.rglob("*") if f.is_file()}


def test_networkd_is_told_to_make_its_identifier_of_its_address(programs: Path) -> None:
    DhcpClient.NETWORKD.prepare(programs, None)

    (told,) = (text for name, text in files(programs).items() if name.endswith(".network"))
    assert "ClientIdentifier=mac\n" in told
    assert "DHCP=ipv4\n" in told


def test_networkd_alone_is_told_nothing_of_identifiers(programs: Path) -> None:
    DhcpClient.NETWORKD_ALONE.prepare(programs, None)

    (told,) = (text for name, text in files(programs).items() if name.endswith(".network"))
    assert told == "[Match]\nName=ib0\n[Network]\nDHCP=ipv4\n"


@pytest.mark.parametrize(("told", "asks"), [(None, "mac"), (LEGACY, LEGACY)])
def test_networkmanager_is_told_in_a_keyfile_that_nobody_else_may_read(
    programs: Path, told: str | None, asks: str
) -> None:
    DhcpClient.NETWORK_MANAGER.prepare(programs, told)

    (keyfile,) = (programs / "NetworkManager/system-connections").iterdir()
    assert keyfile.stat().st_mode & 0o777 == 0o600
    assert f"dhcp-client-id={asks}\n" in keyfile.read_text()


@pytest.mark.parametrize("client", [DhcpClient.NETWORKD, DhcpClient.NETWORKD_ALONE])
def test_networkd_cannot_be_told_an_identifier(programs: Path, client: DhcpClient) -> None:
    with pytest.raises(
        BadInput, match=f"cannot have {client.value} ask with client-id {IDENTIFIER}"
    ):
        client.prepare(programs, IDENTIFIER)

    assert not programs.exists()


@pytest.mark.parametrize("client", DhcpClient)
def test_what_starts_it_is_read_by_a_shell_without_a_complaint(
    programs: Path, client: DhcpClient
) -> None:
    shell, option, script, *_ = client.argv()

    assert (shell, option) == ("sh", "-c")
    subprocess.run(("sh", "-n", "-c", script), check=True)


def test_a_missing_program_names_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/usr/sbin/NetworkManager").exists():
        pytest.skip("NetworkManager is installed here")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadInput, match="cannot use nm: there is no /usr/sbin/NetworkManager; say:"):
        DhcpClient.NETWORK_MANAGER.require(None)


@pytest.mark.parametrize(
    ("client", "log", "said"),
    [
        (
            DhcpClient.NETWORKD,
            "ib0: Gained carrier\nib0: DHCPv4 client: ACK\nlo: DHCPv4\n",
            "ib0: DHCPv4 client: ACK\n",
        ),
        (
            DhcpClient.NETWORK_MANAGER,
            "<info>  [1.2] dhcp: init\n<info>  [1.3] dhcp4 (ib0): state changed new lease\n",
            "<info>  [1.3] dhcp4 (ib0): state changed new lease\n",
        ),
    ],
)
def test_its_exchange_is_what_its_log_says_of_dhcp(client: DhcpClient, log: str, said: str) -> None:
    assert client.exchange(log) == said


def test_an_identifier_is_read_in_capitals() -> None:
    assert parse_identifier(f" {IDENTIFIER.upper()}\n") == IDENTIFIER


@pytest.mark.parametrize("text", ["", "20", "20fa", "20:fg", "20:fa:", "a; send x", "20:fa" * 200])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="expected 2 to 255 colon-separated bytes"):
        parse_identifier(text)
