# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from command_line import Answer, ibstack
from ibstack.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path

PORT = "--mac fa:16:3e:0a:bc:de"


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OS_"):
            monkeypatch.delenv(name)


def guest_config(arguments: str, cwd: Path) -> Answer:
    return ibstack("guest", "config", *arguments.split(), cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--format nm", "it has no address of either family; give --dhcp or --cidr"),
        ("--format nm --network net1 --dhcp", "meant by --network, --dhcp"),
        ("--format nm --network net1 --port p", "meant by --port, --network"),
        ("--format bind --dhcp", "invalid choice: 'bind'"),
        (f"--format cloud-init --dhcp {PORT} --mtu 2044", ""),
        (f"--format cloud-init --dhcp {PORT} --mtu 65520 --mode connected", "use --format nm"),
        ("--format nm --dhcp --client-id-form legacy", "give a --port or a --mac"),
        ("--format nm --dhcp --partition-key 0x8001", "partition key '0x8001'"),
    ],
)
def test_bad_input_is_named(arguments: str, said: str, tmp_path: Path) -> None:
    done = guest_config(arguments, tmp_path)

    assert done.returncode == (2 if said else 0), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_single_file_is_the_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guest", "config", "--format", "ifcfg", *PORT.split(), "--dhcp"]) == 0

    printed = capsys.readouterr()
    assert printed.out.startswith("DEVICE=ib0\n")
    assert "/etc/sysconfig/network-scripts/ifcfg-ib0" in printed.err


def test_several_files_are_printed_with_their_paths(capsys: pytest.CaptureFixture[str]) -> None:
    words = "guest config --format networkd --dhcp --partition-key 0x0001"
    assert main(words.split()) == 0

    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("#")]
    assert heads == [
        "# /etc/systemd/network/10-ib0.8001.netdev",
        "# /etc/systemd/network/10-ib0.network",
        "# /etc/systemd/network/20-ib0.8001.network",
    ]


def test_files_are_written_into_an_image(tmp_path: Path) -> None:
    words = ["guest", "config", "--format", "nm", "--dhcp", "--root", str(tmp_path)]

    assert [main(words), main(words)] == [0, 0], "the same again is nothing to ask about"
    file = tmp_path / "etc/NetworkManager/system-connections/ib0.nmconnection"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_says_something_else_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "etc/netplan/60-ib0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("mine\n")
    words = ["guest", "config", "--format", "netplan", "--dhcp", "--root", str(tmp_path)]

    assert main(words) == 1
    assert "replace it with --force" in capsys.readouterr().err
    assert file.read_text() == "mine\n"
    assert main([*words, "--force"]) == 0
    assert file.read_text() != "mine\n"


def test_a_link_does_not_lead_out_of_the_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, outside = tmp_path / "image", tmp_path / "outside"
    (image / "etc").mkdir(parents=True)
    outside.mkdir()
    (image / "etc/netplan").symlink_to(outside)

    assert main(["guest", "config", "--format", "netplan", "--dhcp", "--root", str(image)]) == 1
    assert "leads out of" in capsys.readouterr().err
    assert list(outside.iterdir()) == []


def test_a_cloud_that_is_not_named_is_asked_for(tmp_path: Path) -> None:
    done = guest_config("--format nm --port p1", tmp_path)

    assert done.returncode == 4
    assert "cannot connect to the cloud" in done.stderr
    assert "OS_AUTH_URL" in done.stderr
    assert "Traceback" not in done.stderr
