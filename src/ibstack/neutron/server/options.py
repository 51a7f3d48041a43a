# SPDX-License-Identifier: Apache-2.0
"""What an operator can set for the mechanism driver: `[infiniband]` in Neutron's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from oslo_config import cfg, types

from ibstack.fabric.ipoib import ClientIdForm
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange

GROUP: Final = "infiniband"
QUOTA: Final = "infiniband_network"
QUOTA_GROUP: Final = "QUOTAS"
"""Neutron's own group, where its quota engine looks for the default of each quota."""

_DRIVER_OPTIONS: Final = [
    cfg.ListOpt(
        "network_types",
        default=["vlan", "flat"],
        item_type=types.String(choices=["vlan", "flat"]),
        help=(
            "Types of provider network that the driver binds ports of. On a vlan network the "
            "segmentation id is the partition key. A flat network is the default partition "
            "(0x7fff), of which every port is a limited member."
        ),
    ),
    cfg.StrOpt(
        "owned_keys",
        default=str(DEFAULT_OWNED_KEYS),
        regex=r"(?i)(0x[0-9a-f]{1,4}|\d{1,5})(-(0x[0-9a-f]{1,4}|\d{1,5}))?",
        help=(
            "Partition keys that ibstack may give to networks, FIRST-LAST, both included, between "
            "0x0001 and 0x7fff. A port of a network whose segmentation id is outside is not bound. "
            "Give ibstack-fabricd the same range. 0x7ff0 to 0x7ff8 are reserved for ibstack."
        ),
    ),
    cfg.StrOpt(
        "client_id_form",
        default=ClientIdForm.HARDWARE_TYPE.value,
        choices=[
            (ClientIdForm.HARDWARE_TYPE.value, "20: and the GUID: NetworkManager, cloud-init"),
            (
                ClientIdForm.LEGACY.value,
                "ff:00:00:00:00:00:02:00:00:02:c9:00: and the GUID: FlexBoot, MLNX_OFED's dhclient",
            ),
        ],
        help=(
            "Form of the DHCP client-id option that is written to each InfiniBand port. It must be "
            "the one that the guests send. A client-id that a user sets on a port wins."
        ),
    ),
    cfg.ListOpt(
        "physical_networks",
        default=[],
        help=(
            "Physical networks that are InfiniBand: on their networks the client-id is written, "
            "and what is another port's is refused. Empty: those that an ibstack-fabricd reports "
            "to serve. What agents of hosts report does not count."
        ),
    ),
    cfg.StrOpt(
        "answer_key_file",
        default="",
        sample_default="/etc/neutron/ibstack-answer.key",
        help=(
            "A file with a secret of 32 bytes or more that every controller and every host with "
            "ibstack-fabricd has, and no compute host; mode 0640. What ibstack-fabricd is answered "
            "is signed with it, and its word of what is in force counts with a signature only. "
            "Empty: nothing is signed, and whoever has a compute host's account at the broker can "
            "answer for Neutron."
        ),
    ),
    cfg.BoolOpt(
        "accept_unsigned_reports",
        default=False,
        help=(
            "With answer_key_file: take unsigned reports of ibstack-fabricd too, for the time in "
            "which the key is brought to all hosts."
        ),
    ),
]

QUOTA_OPTIONS: Final = [
    cfg.IntOpt(
        f"quota_{QUOTA}",
        default=32,
        help=(
            "Number of InfiniBand networks, flat ones not counted, that a project may have; -1 is "
            "without a limit. Each takes a place in the P_Key table of each host that serves its "
            "DHCP: a table has 128 places (64 on some adapters), for all projects together."
        ),
    ),
]


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, read once."""

    network_types: tuple[str, ...] = ("vlan", "flat")
    owned_keys: KeyRange = DEFAULT_OWNED_KEYS
    client_id_form: ClientIdForm = ClientIdForm.HARDWARE_TYPE
    physical_networks: frozenset[str] = frozenset()
    answer_key_file: str = ""
    accept_unsigned_reports: bool = False


def list_driver_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group, as oslo-config-generator asks for them."""
    return [(GROUP, list(_DRIVER_OPTIONS)), (QUOTA_GROUP, list(QUOTA_OPTIONS))]


def read_settings(conf: cfg.ConfigOpts) -> Settings:
    """Register the options with *conf* and read them; BadValue for an impossible key range."""
    conf.register_opts(_DRIVER_OPTIONS, group=GROUP)
    group = conf[GROUP]
    return Settings(
        network_types=tuple(group.network_types),
        owned_keys=KeyRange.parse(group.owned_keys),
        client_id_form=ClientIdForm(group.client_id_form),
        physical_networks=frozenset(group.physical_networks),
        answer_key_file=group.answer_key_file.strip(),
        accept_unsigned_reports=group.accept_unsigned_reports,
    )
