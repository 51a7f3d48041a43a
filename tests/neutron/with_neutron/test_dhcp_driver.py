# SPDX-License-Identifier: Apache-2.0
"""The leases that a dnsmasq is started with, made by Neutron's own code and completed by ours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.neutron.agents.dhcp_driver import Dnsmasq, with_identifiers

if TYPE_CHECKING:
    from pathlib import Path

SUBNET = "0f26b9a2-95c0-4a4f-8a63-8a1d50ba3bc8"
IDENTIFIER = "20:fa:16:3e:00:00:9e:e1:e1"
GONE = "20:fa:16:3e:00:00:9e:e1:e3"
LEGACY = "ff:00:00:00:00:00:02:00:00:02:c9:00:fa:16:3e:00:00:9e:e1:e2"


def port(number: int, identifier: str | None) -> Any:
    options = [SimpleNamespace(opt_name="mtu", opt_value="2044")]
    if identifier:
        options.append(SimpleNamespace(opt_name="client-id", opt_value=identifier))
    address = SimpleNamespace(ip_address=f"10.88.0.{number}", subnet_id=SUBNET)
    return SimpleNamespace(
        id=f"port{number}",
        device_owner="compute:nova",
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        fixed_ips=[address],
        extra_dhcp_opts=options,
    )


class OfOneNetwork(Dnsmasq):
    """The driver of a network, without the agent that would give it one."""

    def __init__(self, folder: Path, *ports: Any) -> None:
        self._folder = folder
        self.conf = SimpleNamespace(
            dnsmasq_enable_addr6_list=False, dns_domain="", dhcp_lease_duration=86400
        )
        subnet = SimpleNamespace(id=SUBNET, enable_dhcp=True, ip_version=4)
        self.released: list[str] = []
        self.network = SimpleNamespace(ports=ports, subnets=[subnet], non_local_subnets=[])

    def get_conf_file_name(self, kind: str) -> str:
        return str(self._folder / kind)

    def _release_lease(self, _mac: str, address: str, *_rest: Any) -> None:
        """Have dnsmasq forget a lease."""
        self.released.append(address)
        leases = self._folder / "leases"
        left = [line for line in leases.read_text().splitlines() if address not in line.split()]
        leases.write_text("".join(f"{line}\n" for line in left))


def test_a_dnsmasq_that_starts_knows_guests_by_what_they_send(tmp_path: Path) -> None:
    driver = OfOneNetwork(tmp_path, port(1, IDENTIFIER), port(2, LEGACY.upper()), port(3, None))

    path = driver._output_init_lease_file()

    assert (tmp_path / "leases").samefile(path)
    # When they end is first; a day from now on Neutron 26, never on 29.
    leases = [line.split(maxsplit=1)[1] for line in (tmp_path / "leases").open()]
    assert leases == [
        f"fa:16:3e:00:00:01 10.88.0.1 * {IDENTIFIER}\n",
        f"fa:16:3e:00:00:02 10.88.0.2 * {LEGACY}\n",
        "fa:16:3e:00:00:03 10.88.0.3 * *\n",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "duid 00:01:00:01:2c:15:4d:21:fa:16:3e:b8:0c:52\n",
        "0 fa:16:3e:00:00:01 10.88.0.9 * *\n",
        "1795449044 fa:16:3e:00:00:01 10.88.0.1 host 01:fa:16:3e:00:00:01\n",
        "0 fa:16:3e:00:00:04 10.88.0.4 * *\n",
        "\n",
        "",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    known = {"10.88.0.1": IDENTIFIER, "10.88.0.4": "something else"}

    assert with_identifiers(line, known) == line


def test_leases_of_guests_are_kept_until_their_port_is_gone(tmp_path: Path) -> None:
    here = (port(1, IDENTIFIER), port(2, LEGACY.upper()))
    OfOneNetwork(tmp_path, *here, port(3, GONE))._output_hosts_file()
    # As dnsmasq 2.90 notes them: of no hardware address, of another one, of a port that is gone.
    (tmp_path / "leases").write_text(
        f"1795449044 20- 10.88.0.1 host-10-88-0-1 {IDENTIFIER}\n"
        f"1795449044 a6:0b:04:18:e1:7b 10.88.0.2 host-10-88-0-2 {LEGACY}\n"
        f"1795449044 20- 10.88.0.3 host-10-88-0-3 {GONE}\n"
    )
    driver = OfOneNetwork(tmp_path, *here)

    driver._release_unused_leases()

    assert set(driver.released) == {"10.88.0.3"}
