# SPDX-License-Identifier: Apache-2.0
"""Hosts behind a real sshd of this machine: each is a folder, a port and a host key's name."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibstack.cluster.rollout.ssh import SshHosts
from ibstack.transport import remote_script
from ibstack.transport.ssh_settings import SshSettings

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
STAND_IN = Path(__file__).with_name("systemctl_stand_in.py")
NOW = datetime(2014, 10, 17, 8, 42, 9, tzinfo=UTC)
MOST_PORTS = 16
"""sshd listens on no more (MAX_LISTEN_SOCKS)."""


@dataclass
class Fleet:
    """A running sshd, and how it is reached."""

    folder: Path
    names: Sequence[str]
    ports: dict[str, int]
    daemon: subprocess.Popen[bytes]

    def host(self, name: str) -> Path:
        return self.folder / "hosts" / name

    def root(self, name: str) -> Path:
        return self.host(name) / "root"

    def begin_anew(self) -> None:
        """Make every host as it was at first, and the ways to all of them well."""
        shutil.rmtree(self.folder / "hosts", ignore_errors=True)
        for name in self.names:
            boot = self.root(name) / "proc/sys/kernel/random"
            boot.mkdir(parents=True)
            (boot / "boot_id").write_text(f"first boot of {name}\n")
            self.set_units(name, {})
        self.write_known_hosts()
        self.write_config({})

    def units(self, name: str) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(
            (self.host(name) / "units.json").read_text()
        )
        return found

    def set_units(self, name: str, units: dict[str, dict[str, object]]) -> None:
        (self.host(name) / "units.json").write_text(json.dumps(units))

    def set_python(self, name: str, command: str) -> None:
        """Put *command* of a shell in the place of the host's Python."""
        python = self.host(name) / "python"
        python.write_text(f"#!/bin/sh\n{command}\n")
        python.chmod(0o755)

    def write_known_hosts(self, changed: Sequence[str] = ()) -> None:
        """Write the keys of all hosts; of those *changed* the key of somebody else."""
        keys = {name: (self.folder / f"{name}.pub").read_text() for name in ("host", "other")}
        lines = [f"{name} {keys['other' if name in changed else 'host']}" for name in self.names]
        (self.folder / "known_hosts").write_text("".join(lines))

    def write_config(self, more: dict[str, str]) -> None:
        """Write what `ssh -F` reads; *more*: lines of single hosts that count before all else."""
        lines = [
            f"Host {name}\n  {more.get(name, '')}\n  Port {self.ports[name]}\n  HostKeyAlias {name}"
            for name in self.names
        ]
        always = f"""
Host *
  Port 1
  HostName 127.0.0.1
  User root
  IdentityFile {self.folder}/login
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking yes
  UserKnownHostsFile {self.folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  KexAlgorithms curve25519-sha256
"""
        (self.folder / "ssh_config").write_text("\n".join(lines) + always)

    def hosts(
        self,
        timeout_s: int = 30,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: NOW,
        fanout: int = 64,
        python: str = "python-there",
        connect_timeout_s: int = 10,
    ) -> SshHosts:
        settings = SshSettings(
            config=self.folder / "ssh_config",
            timeout_s=timeout_s,
            fanout=fanout,
            python=python,
            connect_timeout_s=connect_timeout_s,
        )
        return SshHosts(settings, now, sleep)


def answering(text: str) -> str:
    """Return the command of a Python that answers with this packed text whatever it is asked."""
    said = "".join(
        f"{remote_script.MARK}{text[start : start + 4000]}\n" for start in range(0, len(text), 4000)
    )
    return f"cat >/dev/null; cat <<'ANSWER'\n{said}{remote_script.END}\nANSWER"


def open_fleet(folder: Path, names: Sequence[str]) -> Fleet:
    """Start sshd for hosts of those names; skip the test where there is none."""
    if SSHD is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd: apt-get install openssh-server")
    for key in ("host", "other", "login", "stranger"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(argv, check=True)
    shutil.copy(folder / "login.pub", folder / "authorized_keys")
    programs = folder / "bin"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {STAND_IN} "$@"\n')
    systemctl.chmod(0o755)
    python = programs / "python-there"
    own = '"$IBSTACK_ROOT/../python"'
    python.write_text(f'#!/bin/sh\nif [ -e {own} ]; then exec {own} "$@"; fi\nexec python3 "$@"\n')
    python.chmod(0o755)
    # sshd parts with its privileges there; its unit makes it, and where there is no systemd nobody.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    config = folder / "sshd_config"
    config.write_text(_sshd_config(folder, ports))
    with (folder / "sshd.log").open("wb") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log)
    fleet = Fleet(folder, names, ports, daemon)
    fleet.begin_anew()
    _wait_until_it_listens(fleet)
    return fleet


def close_fleet(fleet: Fleet) -> None:
    fleet.daemon.terminate()
    fleet.daemon.wait(10)


def sshd_options(folder: Path) -> str:
    return f"""
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PidFile none
MaxStartups 200
"""


def environment(folder: Path, name: str) -> str:
    programs = f"{folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return f"SetEnv IBSTACK_ROOT={folder}/hosts/{name}/root PATH={programs}"


def _sshd_config(folder: Path, ports: dict[str, int]) -> str:
    listen = "".join(f"ListenAddress 127.0.0.1:{port}\n" for port in ports.values())
    matches = "".join(
        f"Match LocalPort {port}\n  {environment(folder, name)}\n" for name, port in ports.items()
    )
    return listen + sshd_options(folder) + matches


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_it_listens(fleet: Fleet) -> None:
    until = time.monotonic() + 20
    for port in fleet.ports.values():
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                log = (fleet.folder / "sshd.log").read_text()
                assert fleet.daemon.poll() is None, log
                assert time.monotonic() < until, log
                time.sleep(0.05)
