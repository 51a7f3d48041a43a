# SPDX-License-Identifier: Apache-2.0
"""Faults of a recorded site: what is edited in its collection, and which check is to name it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SITE: Final = Path(__file__).parents[1] / "recorded/verify/site"
"""A site in which every check holds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One edit of one file."""

    check: str
    """The id of the check that is to fail."""
    what: str
    file: str
    old: str
    """A text that stands in the file."""
    new: str | None
    """What stands there instead; None: there is no file at all."""
    also: tuple[str, str, str] | None = None
    """What goes with it: file, old and new."""

    def inject(self, folder: Path) -> Path:
        """Make a copy of the site in *folder* that has the fault, and return it."""
        site = folder / "site"
        shutil.copytree(SITE, site)
        for file, old, new in (
            (self.file, self.old, self.new),
            *([self.also] if self.also else []),
        ):
            path = site / file
            text = path.read_text()
            assert old in text, f"{file} has no {old!r}"
            path.unlink() if new is None else path.write_text(text.replace(old, new))
        return site


_VF_4: Final = (
    "0000:05:00.4 Network controller: Mellanox Technologies MT27500/MT27520 Family"
    " [ConnectX-3/ConnectX-3 Pro Virtual Function]\n"
)
_NO_DMAR: Final = ("node002/sys/class/iommu", "dmar0\ndmar1\n", "")
_NO_IVHD: Final = ("node003/sys/class/iommu", "ivhd0\nivhd1\n", "")
_DEFAULT: Final = "ALL=limited"
_NEUTRON: Final = "controller/etc/neutron/neutron.conf"
_STANDBY: Final = '"is_sm": true,\n   "sm_state": "standby"'

HOST: Final = (
    Fault(
        "iommu-asked",
        "a kernel that wants `intel_iommu=on`, and has it not",
        "node002/proc/cmdline",
        "intel_iommu=on ",
        "",
        _NO_DMAR,
    ),
    Fault(
        "iommu-asked",
        "`iommu=off` on a host with AMD's",
        "node003/proc/cmdline",
        "iommu=pt",
        "iommu=off",
        _NO_IVHD,
    ),
    Fault("iommu-on", "VT-d off in the BIOS", *_NO_DMAR),
    Fault("iommu-on", "AMD's IOMMU off in the BIOS", *_NO_IVHD),
    Fault("vf-count", "a VF is missing", "node002/commands/lspci", _VF_4, ""),
    Fault(
        "sriov-firmware",
        "SR-IOV off in the firmware of a ConnectX-6",
        "node003/commands/mstconfig_-d_0000:05:00.0_query",
        "True(1)",
        "False(0)",
    ),
    Fault(
        "sriov-firmware",
        "fewer VFs in the firmware of a ConnectX-3 than its driver is to make",
        "node002/commands/flint_-d_mt4099_pciconf0_dc",
        "total_vfs = 16",
        "total_vfs = 8",
    ),
    Fault(
        "adapter-driver",
        "the mapped interface is Ethernet",
        "node002/commands/ethtool_-i_ib0",
        "driver: ib_ipoib",
        "driver: mlx4_en",
    ),
    Fault(
        "adapter-driver",
        "the mapped interface does not exist",
        "node003/commands/ethtool_-i_ib0",
        "driver: mlx5_core[ib_ipoib]",
        "Cannot get driver information: No such device",
    ),
    Fault(
        "firmware-alike",
        "an adapter with older firmware",
        "node002/commands/ibstat",
        "2.42.5000",
        "2.33.5100",
    ),
    Fault(
        "port-active",
        "no cable",
        "node003/commands/ibstat",
        "State: Active\n\t\tPhysical state: LinkUp",
        "State: Down\n\t\tPhysical state: Polling",
    ),
    Fault(
        "port-active",
        "no subnet manager has configured the port",
        "node002/commands/ibstat",
        "State: Active",
        "State: Initializing",
    ),
    Fault("port-active", "an Ethernet port", "node003/commands/ibstat", "InfiniBand", "Ethernet"),
    Fault(
        "module-options",
        "GUIDs of VFs left to the subnet manager",
        "node002/etc/modprobe.d/mlx4_ib.conf",
        "sm_guid_assign=0",
        "sm_guid_assign=1",
    ),
    Fault(
        "driver-log",
        "too little MMIO space for the VFs",
        "node003/commands/dmesg",
        "firmware version: 20.31.1014",
        "not enough MMIO resources for SR-IOV",
    ),
    Fault(
        "eswitchd-alive",
        "ibstack-eswitchd does not answer",
        "node002/commands/ibstack_host_show",
        '[{"physical_network": "ibhostnet", "interface": "ib0", "device": "mlx4_0",'
        ' "port_guid": "0x0002c90300000031"}]\n',
        "ibstack: cannot ask ibstack-eswitchd at /run/ibstack/eswitchd.sock: Connection refused\n",
    ),
    Fault(
        "services-enabled",
        "a service that does not come back after a restart",
        "node003/commands/systemctl_show",
        "Id=ibstack-agent.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled",
        "Id=ibstack-agent.service\nLoadState=loaded\nActiveState=active\nUnitFileState=disabled",
    ),
    Fault(
        "services-enabled",
        "OpenSM is not installed on a host with fabricd",
        "node001/commands/systemctl_show",
        "Id=opensm.service\nLoadState=loaded",
        "Id=opensm.service\nLoadState=not-found",
    ),
    Fault(
        "clock",
        "a clock that nobody keeps",
        "node002/commands/timedatectl_show",
        "NTPSynchronized=yes",
        "NTPSynchronized=no",
    ),
    Fault(
        "versions",
        "a host that was left out of an upgrade",
        "node003/commands/pip_freeze",
        "ibstack==0.1.0",
        "ibstack==0.0.9",
    ),
)

FABRIC: Final = (
    Fault(
        "fabric-read",
        "a table that cannot be read",
        "fabric.json",
        '"table": "0x8001 0x7fff",\n   "is_sm"',
        '"table": null,\n   "why_unread": "no answer, 3 tries",\n   "is_sm"',
    ),
    Fault("one-master", "no standby", "fabric.json", '"standby"', '"not_active"'),
    Fault("one-master", "two masters", "fabric.json", '"standby"', '"master"'),
    Fault(
        "unique-guids",
        "two adapters with one port GUID",
        "fabric.json",
        '"shared_guids": []',
        '"shared_guids": [{"guid": "0x0002c90300000031", "of": "port", "places":'
        ' ["node002 at port 3 of switch 0x0002c902f0000100",'
        ' "node003 at port 4 of switch 0x0002c902f0000100"]}]',
    ),
    Fault(
        "multicast-groups",
        "a group that was made before `mtu=5` was written",
        "head/var/log/opensm-sa.dump",
        "mtu=0x84 tclass=0x00 pkey=0x8001",
        "mtu=0x85 tclass=0x00 pkey=0x8001",
    ),
    Fault(
        "multicast-groups",
        "a group that OpenSM could not make",
        "head/var/log/opensm-sa.dump",
        "mgid=0xff12401b80020000",
        "mgid=0xff12401b90020000",
    ),
    Fault(
        "default-limited",
        "`ALL=full` on the Default line",
        "head/etc/opensm/partitions.conf",
        _DEFAULT,
        "ALL=full",
    ),
    Fault(
        "open-default",
        "a tenants' host is full member of the default partition",
        "fabric.json",
        '"0x7fff 0x8001 0x8002"',
        '"0xffff 0x8001 0x8002"',
    ),
    Fault("dead-index-0", "an empty index 0", "fabric.json", '"0x7fff"', '"- 0x7fff"'),
    Fault("m-key", "no M_Key", "head/etc/opensm/opensm.conf", "\nm_key (hidden)", "\nm_key 0x0"),
    Fault(
        "sm-key",
        "the usual SM_Key",
        "node001/etc/opensm/opensm.conf",
        "sm_key (hidden)",
        "sm_key 1",
    ),
    Fault(
        "enforcement-capacity",
        "more keys than the switch's port has room for",
        "fabric.json",
        '"number": 3,\n   "capacity": 64',
        '"number": 3,\n   "capacity": 2',
    ),
    Fault(
        "enforcement-on",
        "OpenSM has switched enforcement off at a port",
        "fabric.json",
        '"enforces": true,\n   "can_enforce": true,\n   "peer": "0x0002c90300000031"',
        '"enforces": false,\n   "can_enforce": true,\n   "peer": "0x0002c90300000031"',
    ),
    Fault(
        "enforcement-on",
        "enforcement is off at every port",
        "fabric.json",
        '"enforces": true',
        '"enforces": false',
    ),
    Fault(
        "enforcement-on",
        "`part_enforce off`",
        "head/etc/opensm/opensm.conf",
        "max_wire_smps",
        "part_enforce off\nmax_wire_smps",
    ),
    Fault(
        "enforcement-on",
        "`no_partition_enforcement TRUE`, the older option, which beats the other",
        "head/etc/opensm/opensm.conf",
        "max_wire_smps",
        "no_partition_enforcement TRUE\npart_enforce both\nmax_wire_smps",
    ),
    Fault(
        "m-key",
        "an M_Key with a digit too many, for which OpenSM keeps its default",
        "head/etc/opensm/opensm.conf",
        "m_key (hidden)",
        "m_key 0x112233445566778899",
    ),
    Fault(
        "one-partitions-file",
        "OpenSM reads another file than ibstack-fabricd writes",
        "head/etc/opensm/opensm.conf",
        "max_wire_smps",
        "partition_config_file /etc/opensm/partitions-ib0.conf\nmax_wire_smps",
    ),
    Fault(
        "enforced-tables",
        "a key in an adapter's table that its switch does not let through",
        "fabric.json",
        '"table": "0x7fff",\n   "is_sm"',
        '"table": "0x7fff 0x8001",\n   "is_sm"',
    ),
    Fault(
        "table-capacity",
        "a full table",
        "fabric.json",
        '"table_length": 64,\n   "table": "0x7fff 0x8001 0x8002"',
        '"table_length": 3,\n   "table": "0x7fff 0x8001 0x8002"',
    ),
    Fault(
        "partitions-present",
        "no partitions file",
        "node001/etc/opensm/partitions.conf",
        "Default",
        None,
    ),
    Fault(
        "partitions-readable",
        "a line that OpenSM refuses",
        "head/etc/opensm/partitions.conf",
        "n0002=0x0002,ipoib: 0x",
        "n0002=0x0002,ipoib: ",
    ),
    Fault(
        "partitions-canonical",
        "a file that was edited by hand",
        "head/etc/opensm/partitions.conf",
        "# End.",
        "storage=0x7000: 0x0002c90300000041=full;\n# End.",
    ),
    Fault(
        "partitions-equal",
        "a standby with an old file",
        "node001/etc/opensm/partitions.conf",
        "n0002=0x0002,ipoib: 0x0002c90300000021=full, 0x0002c90300000031=full;\n",
        "",
    ),
    Fault(
        "standby-polling",
        "OpenSM's usual polling: 50 s until a standby takes over",
        "node001/etc/opensm/opensm.conf",
        "sminfo_polling_timeout 1000",
        "sminfo_polling_timeout 10000",
    ),
    Fault(
        "sm-listed",
        "a subnet manager whose port is listed for fabricd, which has not published it",
        "fabric.json",
        '"table": "0x7fff",\n   "is_sm": false,\n   "sm_state": null',
        '"table": "0x7fff",\n   "is_sm": true,\n   "sm_state": "standby"',
        (
            "head/etc/ibstack/fabricd.conf",
            "full_default_members = 0x0002c90300000011,0x0002c90300000021",
            "full_default_members = 0x0002c90300000011,0x0002c90300000021, 0x0002c90300000041",
        ),
    ),
    Fault(
        "site-managers",
        "a subnet manager that is none of the site's",
        "fabric.json",
        '"table": "0x7fff",\n   "is_sm": false,\n   "sm_state": null',
        '"table": "0x7fff",\n   "is_sm": true,\n   "sm_state": "standby"',
    ),
    Fault(
        "multicast-capacity",
        "more groups than a switch has room for",
        "fabric.json",
        '"multicast_cap": 1024',
        '"multicast_cap": 2',
    ),
)

CLOUD: Final = (
    Fault(
        "agents-alive",
        "an agent that never reported",
        "agents.json",
        '"binary": "ibstack-agent",\n   "host": "node002"',
        '"binary": "ibstack-agent",\n   "host": "node009"',
    ),
    Fault(
        "agents-alive",
        "an agent that is not alive",
        "agents.json",
        '"host": "node003",\n   "alive": true',
        '"host": "node003",\n   "alive": false',
    ),
    Fault(
        "agents-alive",
        "an agent that was switched off",
        "agents.json",
        '"host": "node002",\n   "alive": true,\n   "admin_state_up": true',
        '"host": "node002",\n   "alive": true,\n   "admin_state_up": false',
    ),
    Fault(
        "agents-content",
        "an agent that reports a problem",
        "agents.json",
        '"attachments": 2,\n    "problems": []',
        '"attachments": 2,\n    "problems": ["cannot use ib1 of ibhostnet: no such interface"]',
    ),
    Fault(
        "answers-signed",
        "a fabricd that believes whoever answers",
        "agents.json",
        '"role": "master",\n    "signed": true',
        '"role": "master",\n    "signed": false',
    ),
    Fault(
        "mapping-known",
        "a physical network that is spelled otherwise on a host",
        "agents.json",
        '"physical_network": "ibhostnet",\n      "interface": "ib0",\n      "kind": "mlx5"',
        '"physical_network": "ibhostnett",\n      "interface": "ib0",\n      "kind": "mlx5"',
    ),
    Fault(
        "network-served",
        "no fabricd is master",
        "agents.json",
        '"role": "master"',
        '"role": "unknown"',
    ),
    Fault(
        "key-ranges",
        "keys that are not fabricd's",
        "head/etc/ibstack/fabricd.conf",
        "[fabric]\n",
        "[fabric]\nowned_keys = 0x0001-0x0100\n",
    ),
    Fault(
        "network-mtu",
        "Neutron's usual MTU",
        "controller/etc/neutron/plugins/ml2/ml2_conf.ini",
        "physical_network_mtus = ibhostnet:2044",
        "physical_network_mtus = ibhostnet:1500",
    ),
    Fault(
        "mechanism-driver",
        "ML2 without ibstack's driver",
        "controller/etc/neutron/plugins/ml2/ml2_conf.ini",
        "mechanism_drivers = infiniband",
        "mechanism_drivers = openvswitch",
    ),
    Fault(
        "dhcp-drivers",
        "Neutron's own DHCP driver",
        "node001/etc/neutron/dhcp_agent.ini",
        "dhcp_driver = ibstack.neutron.dhcp_driver.Dnsmasq\n",
        "",
    ),
    Fault(
        "nova-told",
        "Neutron without its `[nova]` section",
        _NEUTRON,
        "[nova]\nauth_type = password\nauth_url",
        "[else]\nauth_type = password\nauth_url",
    ),
    Fault(
        "nova-told",
        "a `[nova]` section without a password",
        _NEUTRON,
        "password = (hidden)\n",
        "",
    ),
    Fault(
        "nova-told",
        "Neutron told to tell nova nothing",
        _NEUTRON,
        "[DEFAULT]\n",
        "[DEFAULT]\nnotify_nova_on_port_status_changes = False\n",
    ),
    Fault(
        "service-roles",
        "nova's user without `admin`",
        "roles.json",
        '"Role": "admin",\n  "User": "nova@Default"',
        '"Role": "member",\n  "User": "nova@Default"',
    ),
    Fault(
        "service-roles",
        "nova's user without `service`",
        "roles.json",
        '"Role": "service",\n  "User": "nova@Default"',
        '"Role": "reader",\n  "User": "nova@Default"',
    ),
    Fault(
        "service-roles",
        "Neutron's user without `admin`",
        "roles.json",
        '"Role": "admin",\n  "User": "neutron@Default"',
        '"Role": "reader",\n  "User": "neutron@Default"',
    ),
)
FAULTS: Final = {"host": HOST, "fabric": FABRIC, "cloud": CLOUD}
