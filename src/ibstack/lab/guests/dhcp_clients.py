# SPDX-License-Identifier: Apache-2.0
"""The DHCP clients that a guest may have: real ones, each told what it is told on InfiniBand.

What each sends on real hardware is in docs/reference/lab.md.
"""

from __future__ import annotations

import enum
import re
import shutil
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.lab.topology import INTERFACE

if TYPE_CHECKING:
    from pathlib import Path

_IDENTIFIER = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){1,254}")
_OPTION: Final = "0x3d"
"""Option 61 (RFC 2132 section 9.14)."""


class DhcpClient(enum.Enum):
    """A program that asks for an address."""

    UDHCPC = "udhcpc"
    DHCLIENT = "dhclient"
    NETWORKD = "networkd"

    @property
    def is_told(self) -> bool:
        """Whether it sends the identifier that it is told; networkd makes one of its own."""
        return self is not DhcpClient.NETWORKD

    def require(self, identifier: str | None) -> None:
        """BadInput where it is not installed, or cannot be told to send *identifier*."""
        program, package = _PROGRAMS[self]
        if shutil.which(program) is None:
            raise BadInput(
                f"cannot use {self.value}: there is no {program}; say: apt-get install {package}"
            )
        if identifier is not None and not self.is_told:
            raise BadInput(
                f"cannot have {self.value} ask with client-id {identifier}: it makes its own;"
                " choose udhcpc or dhclient"
            )


_PROGRAMS: Final = {
    DhcpClient.UDHCPC: ("udhcpc", "udhcpc"),
    DhcpClient.DHCLIENT: ("dhclient", "isc-dhcp-client"),
    DhcpClient.NETWORKD: ("/lib/systemd/systemd-networkd", "systemd"),
}
"""Each with Debian's package of it."""


def parse_identifier(text: str) -> str:
    """Read a client identifier as Neutron spells it, whether an InfiniBand guest would send it."""
    digits = text.strip().lower()
    if not _IDENTIFIER.fullmatch(digits):
        raise BadValue("client-id", text, "expected 2 to 255 colon-separated bytes, as 20:fa:16:…")
    return digits


def prepare(client: DhcpClient, folder: Path, identifier: str | None) -> tuple[str, ...]:
    """Write the files of *client* into *folder*; return the arguments that start it in a guest.

    *identifier*: what it asks with; networkd is told none.
    """
    client.require(identifier)
    folder.mkdir(parents=True, exist_ok=True)
    if identifier is None:
        return ("sh", _written(folder / "networkd", _NETWORKD))
    return {DhcpClient.UDHCPC: _udhcpc, DhcpClient.DHCLIENT: _dhclient}[client](folder, identifier)


def _udhcpc(folder: Path, identifier: str) -> tuple[str, ...]:
    return (
        *("udhcpc", "-f", "-i", INTERFACE, "-s", _written(folder / "on-lease", _UDHCPC_SCRIPT)),
        *("-O", "mtu", "-x", f"{_OPTION}:{identifier.replace(':', '')}"),
        # A second between tries, for ever: a guest may be there before its network is.
        *("-T", "1", "-t", "3", "-A", "1"),
    )


def _dhclient(folder: Path, identifier: str) -> tuple[str, ...]:
    configuration = _DHCLIENT_CONFIGURATION.format(identifier=identifier)
    return (
        *("dhclient", "-4", "-d", "-cf", _written(folder / "dhclient.conf", configuration)),
        *("-lf", str(folder / "leases"), "-pf", str(folder / "pid")),
        *("-sf", _written(folder / "dhclient-script", _DHCLIENT_SCRIPT), INTERFACE),
    )


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


_UDHCPC_SCRIPT: Final = """\
#!/bin/sh
# What udhcpc does with a lease: its event is the first argument, the rest is in its environment.
case "$1" in
deconfig)
  ip -4 address flush dev "$interface"
  ip link set "$interface" up
  ;;
bound | renew)
  [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
  ip -4 address replace "$ip/$mask" dev "$interface"
  [ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
  echo "$1: $interface has $ip/$mask${mtu:+, MTU $mtu}"
  ;;
esac
"""
_DHCLIENT_SCRIPT: Final = """\
#!/bin/sh
# What dhclient does with a lease (dhclient-script(8)), without a word to this machine's resolver.
case "$reason" in
PREINIT)
  ip link set "$interface" up
  ;;
BOUND | RENEW | REBIND | REBOOT)
  [ -z "$new_interface_mtu" ] || ip link set "$interface" mtu "$new_interface_mtu"
  ip -4 address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
  [ -z "$new_routers" ] || ip route replace default via "${new_routers%% *}" dev "$interface"
  echo "$reason: $interface has $new_ip_address/$new_subnet_mask\
${new_interface_mtu:+, MTU $new_interface_mtu}"
  ;;
EXPIRE | FAIL | RELEASE | STOP)
  ip -4 address flush dev "$interface"
  ;;
TIMEOUT)
  exit 1  # An old lease is no address: nobody has given it again.
  ;;
esac
"""
_DHCLIENT_CONFIGURATION: Final = """\
send dhcp-client-identifier {identifier};
request subnet-mask, routers, interface-mtu;
# A second between tries, for ever: a guest may be there before its network is.
initial-interval 1;
backoff-cutoff 1;
timeout 60;
retry 1;
"""
# As in a machine of its own, of which it shall see the network and nothing else: `ip netns exec`
# has given it mounts of its own.  A /sys that can be written means udev to it, and it would wait
# for udev for ever (systemd 252, src/shared/udev-util.c, udev_available()); a bus is where another
# networkd is known.
_NETWORKD: Final = f"""\
set -e
for folder in /run /etc/systemd/network; do
  [ ! -d $folder ] || mount -t tmpfs guest $folder
done
mount -o remount,ro,bind /sys
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/network
chown -R systemd-network: /run/systemd/netif
cat >/run/systemd/network/{INTERFACE}.network <<END
[Match]
Name={INTERFACE}
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
END
exec env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd
"""
