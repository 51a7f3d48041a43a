# SPDX-License-Identifier: Apache-2.0
"""mlnx_conf.ini and eswitchd.conf of a host.

Source of the keys: networking-mlnx 21.0.0, plugins/ml2/drivers/mlnx/agent/config.py and
eswitchd/common/config.py; the older ones are in NVIDIA's and Bright's instructions.
"""

from __future__ import annotations

import re
from typing import Final

from ibstack.formats.eswitchd_conf import parse_mappings
from ibstack.formats.ini import IniText
from ibstack.upgrade.finding import Finding, Verdict
from ibstack.upgrade.settings import KeyJudgement, Rules, keeps, not_read

_RDMA_DEVICE: Final = re.compile(r"mlx[45]_\d+")
_REPORT_INTERVAL_S: Final = range(1, 3601)
_NO_TCP: Final = not_read(
    "ibstack-eswitchd has a unix socket, for root and one group, and no TCP port",
    "remove it, and close TCP port 60001",
)
_NO_POLLING: Final = not_read("VFs are watched and not polled")
_NO_SUDO: Final = not_read("ibstack-eswitchd is root's, and the agent runs nothing as root")
_WRITE_ANEW: Final = "write PHYSICAL_NETWORK:INTERFACE, with the interface's name on this host"


def _mappings(value: str) -> KeyJudgement:
    faults: list[str] = []
    found = parse_mappings(value, faults, "it")
    if faults:
        return KeyJudgement(Verdict.DECIDE, f"cannot read it: {_all(faults)}", _WRITE_ANEW)
    if not found:
        return KeyJudgement(Verdict.DECIDE, "has no adapter to serve", _WRITE_ANEW)
    devices = [each.interface for each in found if _RDMA_DEVICE.fullmatch(each.interface)]
    if devices:
        return KeyJudgement(
            Verdict.DECIDE,
            f"serves interfaces, and {', '.join(devices)} is a device of RDMA",
            "name its interface, such as ib0: `ls /sys/class/infiniband/DEVICE/device/net`",
        )
    return keeps("ibstack-eswitchd reads it; an interface that is missing does not stop it")


def _all(faults: list[str]) -> str:
    return "; ".join(fault.removeprefix("it: ") for fault in faults)


def _report_interval(value: str) -> KeyJudgement:
    if value.isdecimal() and int(value) in _REPORT_INTERVAL_S:
        return keeps("ibstack-agent reads it")
    return KeyJudgement(
        Verdict.DECIDE,
        "ibstack-agent does not start with it",
        "write whole seconds from 1 to 3600, half of agent_down_time or less",
    )


MLNX_CONF: Final = Rules(
    keys={
        ("eswitch", "physical_interface_mappings"): _mappings,
        ("eswitch", "daemon_endpoint"): _NO_TCP,
        ("eswitch", "request_timeout"): not_read("the agent waits on a socket of this host"),
        ("eswitch", "retries"): not_read("what fails is tried again until it is done"),
        ("eswitch", "backoff_rate"): not_read("what fails is tried again until it is done"),
        ("eswitch", "vnic_type"): not_read("a port's binding says it"),
        ("agent", "polling_interval"): _NO_POLLING,
        ("agent", "report_interval"): _report_interval,
        ("agent", "root_helper"): _NO_SUDO,
    },
    sections={
        "DEFAULT": keeps("ibstack-agent reads it, where it is one of oslo's"),
        "oslo_messaging_rabbit": keeps("ibstack-agent reads it, where it is one of oslo's"),
        "eswitch": not_read("there is no such option"),
        "agent": not_read("there is no such option"),
        "securitygroup": not_read("no security group reaches a VF, as before"),
    },
    other=not_read("no daemon of ibstack has that section"),
)

ESWITCHD_CONF: Final = Rules(
    keys={
        ("daemon", "fabrics"): _mappings,
        ("eswitch", "physical_interface_mappings"): _mappings,
        ("daemon", "socket_os_transport"): _NO_TCP,
        ("daemon", "socket_os_addr"): _NO_TCP,
        ("daemon", "socket_os_port"): _NO_TCP,
        ("daemon", "socket_of_port"): _NO_TCP,
        ("daemon", "default_timeout"): _NO_POLLING,
        ("daemon", "max_polling_count"): _NO_POLLING,
        ("agent", "root_helper"): _NO_SUDO,
    },
    sections={
        "DEFAULT": not_read("ibstack-eswitchd logs to stderr, which the journal keeps"),
        "eswitchd": keeps("ibstack-eswitchd reads it"),
        "daemon": not_read("there is no such option"),
    },
    other=not_read("ibstack-eswitchd leaves it to others"),
)


def no_group(content: bytes, source: str) -> list[Finding]:
    """Say so where eswitchd.conf lets no group in; no file of networking-mlnx does."""
    if any(IniText(content, source).keys().get(("eswitchd", "group"), ())[-1:]):
        return []
    return [
        Finding(
            source,
            None,
            "[eswitchd] group",
            "",
            Verdict.DECIDE,
            "ibstack-eswitchd reads /etc/ibstack/eswitchd.conf, and without a group it serves root"
            " alone: ibstack-agent runs as neutron",
            "copy this file there, with [eswitchd] group = neutron, or the group of your agent",
        )
    ]
