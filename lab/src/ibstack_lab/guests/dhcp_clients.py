# SPDX-License-Identifier: Apache-2.0
"""The DHCP clients that a guest may have: Debian's, each told what `ibstack guest config` says.

No dhclient, dhcpcd or udhcpc of Debian 12 asks on IPoIB at all (docs/reference/lab.md).
"""

from __future__ import annotations

import enum
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.guest.formats import Format, render
from ibstack.guest.interface import Addressing, GuestInterface, Method
from ibstack_lab.topology import INTERFACE

_IDENTIFIER = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){1,254}")
UNPACKED: Final = Path(".cache/network-manager")
"""NetworkManager where it is not installed: it would take over this machine's interfaces."""
_OF_NETWORKD: Final = ("links", "leases")
_CONFIGURATIONS: Final = {
    Format.NETWORKD: "systemd/network",
    Format.NETWORK_MANAGER: "NetworkManager/system-connections",
}
"""Where in /run each tool reads files, beside those in /etc."""


@dataclass(frozen=True, slots=True)
class _Program:
    """A client's program."""

    path: PurePosixPath
    package: str
    said: str
    """A regular expression of the lines in its log that are of DHCPv4."""


_NETWORKD: Final = _Program(
    PurePosixPath("/lib/systemd/systemd-networkd"), "systemd", rf"^{INTERFACE}: DHCPv4"
)
_NETWORK_MANAGER: Final = _Program(
    PurePosixPath("/usr/sbin/NetworkManager"), "network-manager", r"\bdhcp4 \("
)


class DhcpClient(enum.Enum):
    """What asks for an address, and what it was told."""

    NETWORKD = "networkd"
    NETWORK_MANAGER = "nm"
    NETWORKD_ALONE = "networkd-alone"
    """networkd that was told no more than DHCP=ipv4: it makes an identifier of its own."""

    @property
    def asks_with_its_guid(self) -> bool:
        """Whether it asks with 20: and the GUID, where it is told nothing else."""
        return self is not DhcpClient.NETWORKD_ALONE

    @property
    def takes_an_identifier(self) -> bool:
        """Whether it can be told any identifier."""
        return self is DhcpClient.NETWORK_MANAGER

    def require(self, identifier: str | None) -> None:
        """BadInput where it is not there, or cannot be told to send *identifier*."""
        self._program_path()
        if shutil.which("dbus-daemon") is None:
            raise BadInput(
                f"cannot use {self.value}: there is no dbus-daemon; say: apt-get install"
                " dbus-daemon"
            )
        if identifier is not None and not self.takes_an_identifier:
            raise BadInput(
                f"cannot have {self.value} ask with client-id {identifier}: it makes its own;"
                " choose nm"
            )

    def exchange(self, log: str) -> str:
        """Return the lines of its *log* that are of its exchange with DHCP servers."""
        of_dhcp = re.compile(self._program.said)
        return "".join(line for line in log.splitlines(keepends=True) if of_dhcp.search(line))

    @property
    def _program(self) -> _Program:
        return _NETWORK_MANAGER if self is DhcpClient.NETWORK_MANAGER else _NETWORKD

    def _program_path(self) -> Path:
        installed = Path(self._program.path)
        unpacked = UNPACKED.resolve() / self._program.path.relative_to("/")
        for path in (installed, unpacked):
            if os.access(path, os.X_OK):
                return path
        raise BadInput(
            f"cannot use {self.value}: there is no {installed}; say: tools/setup lab, which unpacks"
            f" the package {self._program.package} in the checkout, and start the lab there"
        )

    def argv(self) -> tuple[str, ...]:
        """Return the arguments that start it in a guest for which prepare() was called."""
        script = _START_NM if self is DhcpClient.NETWORK_MANAGER else _START_NETWORKD
        return ("sh", "-c", script, "sh", str(self._program_path()))

    def prepare(self, run: Path, identifier: str | None) -> None:
        """Write its files into *run*, which is /run in the guest.

        *identifier*: what it asks with; None: what it makes itself.
        """
        self.require(identifier)
        (run / "dbus").mkdir(parents=True, exist_ok=True)
        (run / "dbus" / "guest.conf").write_text(_BUS)
        if self is DhcpClient.NETWORK_MANAGER:
            _write_files(run, Format.NETWORK_MANAGER, identifier)
            (run / "NetworkManager" / "guest.conf").write_text(_NM)
            (run / "var-lib").mkdir(exist_ok=True)
            return
        for name in _OF_NETWORKD:
            (run / "systemd" / "netif" / name).mkdir(parents=True, exist_ok=True)
        if self is DhcpClient.NETWORKD:
            _write_files(run, Format.NETWORKD, identifier)
        else:
            alone = run / _CONFIGURATIONS[Format.NETWORKD] / f"{INTERFACE}.network"
            alone.parent.mkdir(parents=True, exist_ok=True)
            alone.write_text(f"[Match]\nName={INTERFACE}\n[Network]\nDHCP=ipv4\n")


def _write_files(run: Path, wanted: Format, identifier: str | None) -> None:
    """Write what `ibstack guest config --dhcp` writes for an image."""
    interface = GuestInterface(
        name=INTERFACE, ipv4=Addressing(Method.AUTOMATIC), client_id=identifier
    )
    folder = run / _CONFIGURATIONS[wanted]
    folder.mkdir(parents=True, exist_ok=True)
    for file in render(interface, wanted):
        path = folder / PurePosixPath(file.path).name
        path.write_text(file.text)
        path.chmod(file.mode)


def parse_identifier(text: str) -> str:
    """Read a client identifier as Neutron spells it, whether an InfiniBand guest would send it."""
    digits = text.strip().lower()
    if not _IDENTIFIER.fullmatch(digits):
        raise BadValue("client-id", text, "expected 2 to 255 colon-separated bytes, as 20:fa:16:…")
    return digits


# A bus of the guest's own, for root and whoever else is in it: by it networkctl and nmcli speak to
# their daemons.
_BUS: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_START_BUS: Final = "env -u LD_PRELOAD dbus-daemon --config-file=/run/dbus/guest.conf --fork"
# What this machine's networkd is told is not for a guest.
_START_NETWORKD: Final = f"""\
set -e
[ ! -d /etc/systemd/network ] || mount -t tmpfs guest /etc/systemd/network
chown -R systemd-network: /run/systemd/netif
{_START_BUS}
exec env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console "$1"
"""
# It keeps what it remembers in /var/lib/NetworkManager.  Its libraries are Debian's packages.
_START_NM: Final = f"""\
set -e
mount --bind /run/var-lib /var/lib
{_START_BUS}
there=/run/NetworkManager
exec "$1" --debug --config=$there/guest.conf --config-dir=$there/none \
 --system-config-dir=$there/none --intern-config=$there/intern.conf --state-file=$there/state
"""
_NM: Final = """\
[main]
plugins=keyfile
dhcp=internal
# This machine's name and resolver are not a guest's to change.
hostname-mode=none
dns=none
rc-manager=unmanaged
no-auto-default=*
auth-polkit=false
[connectivity]
enabled=false
[logging]
level=INFO
domains=DEFAULT,DHCP4:DEBUG
"""
