#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No ISC dhclient, dhcpcd or busybox udhcpc of Debian 12 can ask for an address on IPoIB.
#
# Versions: isc-dhcp-client 4.4.3-P1-2, dhcpcd-base 9.4.1-24~deb12u5, busybox 1:1.35.0-4+deb12u1+b1.
#
# Expected: dhcpcd(8) and the code of cloud-init know InfiniBand, dhclient is asked with a client
# identifier by many instructions; each sends a DISCOVER with hardware type 32 (RFC 4390).
#
# Seen: on a link of InfiniBand's type (32)
#   dhclient says `Unsupported device type 32 for "ib0"` and ends;
#   dhcpcd says `dhcp_openbpf: ib0: Invalid argument`, sends nothing, and goes on to IPv4LL;
#   and where the link's address has more than 8 bytes, as IPoIB's 20,
#   udhcpc says `sendto: Invalid argument` and sends nothing.
#
# Without InfiniBand the link is a tap: of type 32 (which has no address for the kernel), and for
# udhcpc of type 769, whose address has 16 bytes.  Nothing is sent but in a network namespace of this
# script's own.  Needs root and /dev/net/tun.  Ends with 0 where all of it is seen again, with 1 where
# something has changed.
set -euo pipefail

if [[ ${1-} != inside ]]; then
  script=$(readlink -f "$0")
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  cd "$folder"
  apt-get download -q -o APT::Sandbox::User=root isc-dhcp-client=4.4.3-P1-2 \
    dhcpcd-base=9.4.1-24~deb12u5 busybox=1:1.35.0-4+deb12u1+b1 >/dev/null
  for package in *.deb; do dpkg-deb --extract "$package" .; done
  # A /run, /var/lib and network of its own: nothing of this machine is asked or changed.
  unshare --net --mount "$script" inside "$folder"
  exit
fi

folder=$2
mount -t tmpfs own /run
mount -t tmpfs own /var/lib
ip link set lo up
changed=0

# make_link NAME TYPE: a tap that is up; each packet to a DHCP server is written to NAME.heard.
make_link() {
  python3 - "$1" "$2" "$folder/$1.heard" <<'PYTHON' &
import fcntl, os, struct, sys
name, kind, heard = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "w", buffering=1)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))  # TUNSETIFF
fcntl.ioctl(tap, 0x400454CD, kind)  # TUNSETLINK
while True:
    frame = os.read(tap, 4096)
    if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x00\x43":
        print(frame.hex(), file=heard)
PYTHON
  trap 'kill $(jobs -p) 2>/dev/null' EXIT
  for ((tries = 0; tries < 100; tries++)); do
    ip link set "$1" up 2>/dev/null && break
    sleep 0.1
  done
}

# expect WHAT LINK OUTPUT TEXT: OUTPUT has TEXT, and no request was heard on LINK.
expect() {
  if [[ $3 == *"$4"* && ! -s $folder/$2.heard ]]; then
    echo "seen again: $1 says: $4"
  else
    printf 'changed: %s says:\n%s\nheard: %s\n' "$1" "$3" "$(wc -l <"$folder/$2.heard")"
    changed=1
  fi
}

make_link ib0 32
said=$(timeout 20 "$folder/sbin/dhclient" -4 -d -1 -cf /dev/null -lf /run/leases -pf /run/pid \
  -sf /bin/true ib0 2>&1) || true
expect "ISC dhclient 4.4.3-P1" ib0 "$said" 'Unsupported device type 32 for "ib0"'

dhcpcd=$(find "$folder" -name dhcpcd -type f -path '*bin*')
said=$(timeout 10 "$dhcpcd" -4 -1 -d -B -t 8 -f /dev/null -c /bin/true ib0 2>&1) || true
expect "dhcpcd 9.4.1" ib0 "$said" "dhcp_openbpf: ib0: Invalid argument"

make_link long0 769
said=$("$folder/bin/busybox" udhcpc -f -n -t 2 -T 1 -i long0 -s /bin/true \
  -x 0x3d:20fa163e0000123456 2>&1) || true
expect "busybox udhcpc 1.35.0" long0 "$said" "sendto: Invalid argument"
exit "$changed"
