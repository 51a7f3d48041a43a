# SPDX-License-Identifier: Apache-2.0
"""What Neutron's ML2 logs of a refusal of ours, and of a fault."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from .conftest import NODE, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Cloud

MAC = "fa:16:3e:00:00:09"


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += self.format(record).splitlines()


@contextmanager
def ml2_log() -> Iterator[list[str]]:
    """Yield the lines that ML2's manager of drivers logs, as a handler of the server has them."""
    logger, kept = logging.getLogger("neutron.plugins.ml2.managers"), _Kept()
    logger.addHandler(kept)
    try:
        yield kept.lines
    finally:
        logger.removeHandler(kept)


def duplicate_mac(cloud: Cloud) -> None:
    cloud.port(cloud.network(1), mac_address=MAC)
    cloud.port(cloud.network(2), mac_address=MAC)


def taken_client_id(cloud: Cloud) -> None:
    network = cloud.network()
    cloud.port(network, mac_address=MAC)
    port = cloud.port(network)
    option = {"opt_name": "client-id", "opt_value": "20:fa:16:3e:00:00:00:00:09", "ip_version": 4}
    cloud.update(port["id"], extra_dhcp_opts=[option])


def unknown_client_id(cloud: Cloud) -> None:
    option = {"opt_name": "client-id", "opt_value": "01:02", "ip_version": 4}
    cloud.port(cloud.network(), extra_dhcp_opts=[option])


def full_table(cloud: Cloud) -> None:
    cloud.agent(kind="mlx4", entries=1)
    for key in (1, 2):
        cloud.port(cloud.network(key), NODE)


def too_many_networks(cloud: Cloud) -> None:
    cloud.quota("tenant-one", infiniband_network=0)
    cloud.network()


@pytest.mark.parametrize(
    ("ask", "hook"),
    [
        (duplicate_mac, "create_port_precommit"),
        (taken_client_id, "update_port_precommit"),
        (unknown_client_id, "create_port_precommit"),
        (full_table, "create_port_precommit"),
        (too_many_networks, "create_network_precommit"),
    ],
)
def test_a_refusal_is_one_line_at_info(
    cloud: Cloud, ask: Callable[[Cloud], None], hook: str
) -> None:
    with ml2_log() as lines, pytest.raises(Refused, match=r"40[09]: .*cannot "):
        ask(cloud)

    (line,) = (each for each in lines if "failed in" in each)
    assert line.startswith(f"INFO Mechanism driver 'infiniband' failed in {hook}: cannot ")
    assert not [each for each in lines if "Traceback" in each]


def test_a_fault_has_its_traceback_as_before(cloud: Cloud) -> None:
    network = cloud.network()
    del cloud.driver.settings

    with ml2_log() as lines, pytest.raises(Refused, match="500"):
        cloud.port(network, NODE)

    assert "ERROR Mechanism driver 'infiniband' failed in create_port_precommit" in lines
    assert any("Traceback" in each for each in lines)
