# SPDX-License-Identifier: Apache-2.0
"""The cluster's settings, and what is said of wrong ones."""

from pathlib import Path, PurePosixPath

import pytest

from ibstack.cluster.rollout.settings import (
    PATH,
    VARIABLE,
    Settings,
    parse_settings,
    read_settings,
    settings_path,
)
from ibstack.fabric.errors import BadInput
from ibstack.transport.ssh_settings import SshSettings


def test_everything_has_a_default() -> None:
    assert parse_settings("", "cluster.conf") == Settings()
    assert Settings().store == "sqlite:////var/lib/ibstack/cluster.db"
    assert Settings().tree is None


def test_all_keys_are_read() -> None:
    text = """
[store]
url = postgresql:///cluster
[hosts]
reach = tree:/srv/hosts
images = /srv/images
kept = /srv/kept
[groups]
genders = /etc/genders
clustershell = /etc/clustershell/groups.d/ibstack.yaml
"""
    assert parse_settings(text, "cluster.conf") == Settings(
        "postgresql:///cluster",
        Path("/srv/hosts"),
        None,
        PurePosixPath("/srv/kept"),
        Path("/srv/images"),
        Path("/etc/genders"),
        Path("/etc/clustershell/groups.d/ibstack.yaml"),
    )


def test_all_keys_of_ssh_are_read() -> None:
    text = """
[hosts]
reach = ssh
[ssh]
user = admin
port = 2222
config = /etc/ibstack/ssh_config
options = -i "/root/.ssh/the cluster"
python = sudo -n python3
fanout = 200
connect_timeout = 3
timeout = 30
reboot_timeout = 0
"""
    settings = parse_settings(text, "cluster.conf")

    assert settings.tree is None
    assert settings.ssh == SshSettings(
        "admin",
        2222,
        Path("/etc/ibstack/ssh_config"),
        ("-i", "/root/.ssh/the cluster"),
        "sudo -n python3",
        200,
        3,
        30,
        0,
    )
    assert parse_settings(text.replace("reach = ssh", ""), "cluster.conf").ssh is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("user = -oProxyCommand=x", "expected one word"),
        ("port = 0", "expected a number from 1 to 65535"),
        ("config = here", "expected an absolute path"),
        ("options = '", "expected options of ssh: No closing quotation"),
        ("python =", "expected a command, as sudo -n python3"),
        ("fanout = many", "expected a number from 1 to 1024"),
        ("timeout = 0", "expected seconds from 1 to 86400"),
        ("fanuot = 1", "there is no such key; did you mean fanout?"),
    ],
)
def test_what_is_wrong_of_ssh_is_told(line: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_settings(f"[hosts]\nreach = ssh\n[ssh]\n{line}\n", "cluster.conf")

    assert str(caught.value).endswith(f": {why}")


def test_all_faults_are_told_at_once() -> None:
    text = "[store]\nurl = here\n[hosts]\nreach = telnet\nimage = /x\nimages = x\n[group]\n"

    with pytest.raises(BadInput) as caught:
        parse_settings(text, "cluster.conf")

    assert str(caught.value).splitlines() == [
        "cannot use the settings in cluster.conf:",
        "  [store] url = here: expected a URL, as sqlite:////var/lib/ibstack/cluster.db",
        "  [hosts] reach = telnet: expected none, ssh, or tree:DIR",
        "  [hosts] image: there is no such key; did you mean images?",
        "  [hosts] images = x: expected an absolute path",
        "  [group]: there is no such section; did you mean groups?",
    ]


@pytest.mark.parametrize("text", ["store", "[store]\nurl = a://\nurl = b://\n", "[store\n"])
def test_what_is_no_ini_file_is_told(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_settings(text, "cluster.conf")

    assert str(caught.value).startswith("cannot read cluster.conf: it is no ini file: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_settings(tmp_path / "none.conf")


def test_the_option_counts_before_the_environment() -> None:
    environment = {VARIABLE: "/b"}

    assert settings_path(Path("/a"), environment) == Path("/a")
    assert settings_path(None, environment) == Path("/b")
    assert settings_path(None, {}) == PATH
