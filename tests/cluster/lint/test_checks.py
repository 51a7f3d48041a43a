# SPDX-License-Identifier: Apache-2.0
"""Each check finds its fault, says where, and says nothing where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.infiniband_cluster import FABRIC, infiniband_roles, set_values, todays_cluster
from cluster.lint.cloud_folders import BRIDGE, ML2, OPENSM, PARTITIONS, article, found, of, put
from ibstack.cluster.lint.finding import Severity
from ibstack.cluster.lint.sources import cloud_of
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

FABRICD = "etc/ibstack/fabricd.conf"
ESWITCHD = "etc/ibstack/eswitchd.conf"
KOLLA = "etc/kolla"
PUPPET = "var/lib/config-data/puppet-generated"
SERVER = "[ml2_type_vlan]\nnetwork_vlan_ranges = ib:1:3\n[infiniband]\nphysical_networks = ib\n"
RULES = "etc/udev/rules.d/90-vfs.rules"
NOVA = "etc/nova/nova.conf"
SPEC = '[pci]\ndevice_spec = {"devname": "ib0", "physical_network": "ib"}\n'
CORE = "etc/modprobe.d/mlx4_core.conf"
WELL = [
    # Host, file and text in which nothing is wrong, though nearly.
    ("h1", ML2, "[ml2]\n# type_drivers = a # b\ntype_drivers = flat,vlan\n"),
    ("h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n"),
    ("h1", "etc/nova/nova.conf", '[pci]\ndevice_spec = {"a": "b # c"}\n'),
    ("h1", "etc/eswitchd/eswitchd.conf", "[DAEMON]\nfabrics = 'ib:ib0'\n"),
    ("h1", ESWITCHD, "[DAEMON]\nfabrics = ib : ib0 , ib:ib1\n"),
    ("h1", "etc/nova/nova.conf", '[x]\ncommand = sh -c "true"\n'),
    ("h1", PARTITIONS, "Default=0x7fff,ipoib: ALL=limited, SELF=full;\nt=1: 0x2c90300000011=full;"),
    ("h1", "etc/neutron/dnsmasq.bright.conf", "no ini file\n"),
    ("h1", CORE, "options mlx4_core num_vfs=0\n"),
    ("h1", ESWITCHD, "[DAEMON]\nfabrics='ib:ib0'\n"),
    ("h1", ESWITCHD, '[eswitch]\nphysical_interface_mappings = "ib:ib0,st:ib1"\n'),
    ("h1", ESWITCHD, '[DEFAULT]\ndefault_log_levels="eswitchd=DEBUG"\n'),  # It reads no such.
    ("h1", FABRICD, '[fabric]\nphysical_network = "ib"\npoll_interval = 10\n'),
    ("h1", "etc/ibstack/agent.conf", "[agent]\nresync_interval = '10'\n"),
    ("h1", "etc/neutron/api-paste.ini", "[filter:authtoken]\npaste.filter_factory = x\n"),
]
MADE = 'NAME=="ib0", ATTR{device/sriov_numvfs}="4"\n'
OF_INTEL = 'SUBSYSTEM=="pci", ATTR{vendor}=="0x8086", ATTR{sriov_numvfs}="4"\n'
LINK_OF_ANOTHER = "[Match]\nOriginalName=eno1\n[Link]\nSR-IOVVirtualFunctions=4\n"
PROBED = 'NAME=="ib0", ATTR{device/sriov_drivers_autoprobe}="0"\n'
CLOSED = "Default=0x7fff: ALL=limited;\n"
FROM_RHEL = "Default=0x7fff, rate=3, mtu=4, scope=2, defmember=full:\n       "
BELOW_MGIDS = (
    "Default=0x7fff, ipoib, rate=7:\n mgid=ff12:401b::16 # all\n mgid=ff12:601b::16,sl=0\n"
)
WRONG = [
    # A file, its text, the finding's id, line and value.
    (ML2, "[ml2]\nno sign\n", "not-an-ini-file", 2, "expected key = value, found 'no sign'"),
    (ML2, "[ml2]\ntype_driver = x\n", "unknown-name", 2, "x"),
    (ESWITCHD, "[eswitchd]\nsocket = '/run/x'\n", "quotes-in-value", 2, "'/run/x'"),
    (ESWITCHD, "[DAEMON]\nfabrics = ib:'ib0'\n", "quotes-in-value", 2, "ib:'ib0'"),
    (ESWITCHD, "[DAEMON]\nfabrics = 'a:i0','b:i1'\n", "quotes-in-value", 2, "'a:i0','b:i1'"),
    (ESWITCHD, "[DAEMON]\nfabrics = ib:autoib\n", "interface-absent", 2, "ib:autoib"),
    (ESWITCHD, "[eswitchd]\nsockets = /run/x\n", "unknown-name", 2, "/run/x"),
    (ESWITCHD, "[DAEMON]\nfabrics = ib:ib0, ib1\n", "mapping-refused", 2, "ib1"),
    (ESWITCHD, "[DAEMON]\nfabrics = ib:ib0 ; x\n", "comment-in-value", 2, "ib:ib0 ; x"),
    (ESWITCHD, "[DAEMON]\nfabrics = ib:/dev/ib0\n", "mapping-refused", 2, "ib:/dev/ib0"),
    (
        "etc/neutron/dhcp_agent.ini",
        "[ipoib]\nphysical_interface_mappings = :ib0\n",
        "mapping-refused",
        2,
        ":ib0",
    ),
    (BRIDGE, "[linux_bridge]\nphysical_interface_mappings = eth0\n", "mapping-refused", 2, "eth0"),
    (FABRICD, "[fabric]\npolling_interval = 3\n", "unknown-name", 2, "3"),
    (FABRICD, "[fabric]\nnetwork_types = x\n", "unknown-name", 2, "x"),
    (
        FABRICD,
        "[fabric]\nfull_default_members = '0x1','0x2'\n",
        "quotes-in-value",
        2,
        "'0x1','0x2'",
    ),
    (ML2, "[infiniband]\nowned_key = 1-2\n", "unknown-name", 2, "1-2"),
    (f"{KOLLA}/neutron-server/ml2_conf.ini", "[ml2]\ntype_driver = x\n", "unknown-name", 2, "x"),
    (f"{KOLLA}/neutron-server/ml2_conf.ini", "[ml2]\nno\n", "not-an-ini-file", 2, None),
    (f"{PUPPET}/neutron/{ML2}", "[ml2]\ntype_driver = x\n", "unknown-name", 2, "x"),
    (ML2, '[ml2]\ntype_drivers = "flat","vlan"\n', "quotes-in-value", 2, '"flat","vlan"'),
    (BRIDGE, "[vlans]\nnetwork_vlan_ranges = a:1:2\n", "physical-network-not-mapped", 2, "a:1:2"),
    (PARTITIONS, "x=0x7fff, defmember=full:\n ALL;", "default-partition-open", 1, None),
    (PARTITIONS, "Default: ALL=full;", "default-partition-open", 1, "Default: ALL=full"),
    (PARTITIONS, "a=1: ALL_CAS;\nb=2: ALL;", "partition-open", 1, "a=1: ALL_CAS"),
    (PARTITIONS, f"{FROM_RHEL} ALL, ALL_SWITCHES=full;\n", "default-partition-open", 1, None),
    (PARTITIONS, f"{BELOW_MGIDS}  ALL=full, SELF=full;\n", "default-partition-open", 1, None),
    (PARTITIONS, "D=0xffff,ipoib: ALL=full, SELF=full;\n", "default-partition-open", 1, None),
    (PARTITIONS, f"{CLOSED}D=0x7fff: ALL_CAS=both;\n", "default-partition-open", 2, None),
    (PARTITIONS, f"{CLOSED}a=0x1: node[001-100];\n", "partitions-refused", 2, None),
    (PARTITIONS, f"{CLOSED}a=0x1: 0x11=full\nb=0x2: 0x12=full;\n", "partitions-refused", 3, None),
    (PARTITIONS, f"{CLOSED}a=0x1: 0x11=full;\r\n", "partitions-refused", 2, None),
    (PARTITIONS, "# nothing but talk\n", "partitions-refused", 1, None),
    (PARTITIONS, f"{CLOSED}a=0x1,ipiob: 0x11=full;\n", "partitions-otherwise", 2, None),
    (PARTITIONS, f"{CLOSED}a=0x1,ipoib,mtu=9: 0x11;\n", "partitions-otherwise", 2, None),
    (PARTITIONS, "a=0x1: 0x11, mgid=ff12::16\n 0x12;", "partitions-not-known", 1, None),
    (OPENSM, "allow_both_pkeys TRUE\n", "both-forms-of-keys", 1, "TRUE"),
    (CORE, "options mlx4_core num_vfs=4\n", "guids-by-the-subnet-manager", 1, None),
]


@pytest.mark.parametrize(("host", "path", "text"), WELL)
def test_nothing_is_found_where_nothing_is_wrong(
    tmp_path: Path, host: str, path: str, text: str
) -> None:
    put(tmp_path, host, path, text)

    assert found(folder=tmp_path) == ()


@pytest.mark.parametrize(("path", "text", "id_", "line", "value"), WRONG)
def test_what_is_wrong_is_found_with_its_line(
    tmp_path: Path, path: str, text: str, id_: str, line: int, value: str | None
) -> None:
    put(tmp_path, "h1", path, text)
    findings = found(folder=tmp_path)

    assert [each.id for each in findings] == ([id_])
    for each in findings:
        assert (each.place.host, each.place.file, each.place.line) == ("h1", f"/{path}", line)
        assert value is None or each.value == value
        assert each.breaks
        assert each.remedy


def test_keys_without_a_partition_are_found(tmp_path: Path) -> None:
    put(tmp_path, "head", ML2, SERVER)
    put(tmp_path, "sm", PARTITIONS, "Default=0x7fff: ALL=limited;\na=0x1: 0x11=full;\n")
    (finding,) = of("key-outside-partitions", folder=tmp_path)

    assert str(finding.place) == f"head:/{ML2}:2"
    assert "0x0002 and 1 more" in finding.breaks
    assert str(finding.other) == f"sm:/{PARTITIONS}"
    put(tmp_path, "sm", FABRICD, "[fabric]\nowned_keys = 0x0001-0x0003\n")
    assert of("key-outside-partitions", folder=tmp_path) == []


def test_one_faulty_file_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path, "head", PARTITIONS, f"{CLOSED}part10=0010,ipoib: ALL=full;\n")
    unended = "Default=0x7fff: ALL\nCompute=0x1: node[1-2]\nStore=0x2: ALL;\n"
    put(tmp_path, "sm", PARTITIONS, unended)
    put(tmp_path, "h1", ML2, "[ml2]\ntype_driver = x\n")

    assert [(each.id, each.place.host, each.place.line) for each in found(folder=tmp_path)] == [
        ("unknown-name", "h1", 2),
        ("partition-open", "head", 2),
        ("partitions-otherwise", "head", 2),
        ("partitions-refused", "sm", 2),
        ("partition-open", "sm", 3),
        ("partitions-refused", "sm", 3),
    ]
    (octal,) = of("partition-open", folder=tmp_path)[:1]
    assert octal.key == "keys 8"


def test_owned_keys_that_differ_are_found(tmp_path: Path) -> None:
    put(tmp_path, "head", ML2, "[infiniband]\nowned_keys = 0x0001-0x0003\n")
    put(tmp_path, "sm", FABRICD, "[fabric]\nowned_keys = 0x0001-0x0002\n")
    (finding,) = of("owned-keys-differ", folder=tmp_path)

    assert (finding.value, finding.other_value) == ("0x0001-0x0002", "0x0001-0x0003")


def test_two_adapters_for_one_fabric_on_one_host_are_found(tmp_path: Path) -> None:
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h1", "etc/neutron/l3_agent.ini", "[ipoib]\nphysical_interface_mappings = ib:ib1")
    (finding,) = of("interfaces-differ", folder=tmp_path)

    assert {finding.value, finding.other_value} == {"ib:ib0", "ib:ib1"}


def test_two_adapters_of_one_fabric_are_well_where_both_files_have_them(tmp_path: Path) -> None:
    both = "physical_interface_mappings = ib:ib0,ib:ib1\n"
    put(tmp_path, "h1", ESWITCHD, f"[eswitch]\n{both}")
    put(tmp_path, "h1", "etc/neutron/l3_agent.ini", f"[ipoib]\n{both}")

    assert found(folder=tmp_path) == ()


def test_an_interface_of_two_fabrics_is_found(tmp_path: Path) -> None:
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = a:ib0,b:ib0\n")
    (finding,) = found(folder=tmp_path)

    assert finding.id == "interface-mapped-twice"
    assert (finding.value, finding.other_value) == ("b:ib0", "a:ib0")


@pytest.mark.parametrize(
    ("path", "text", "ids"),
    [
        # Nothing is known of what makes VFs there.
        ("etc/hostname", "h1\n", []),
        (RULES, "# nothing\n", ["virtual-functions-missing"]),
        (RULES, MADE.replace("ib0", "ib1"), ["virtual-functions-missing"]),
        (RULES, MADE.replace('"4"', '"0"'), ["virtual-functions-missing"]),
        (RULES, MADE, ["virtual-functions-probed"]),
        (RULES, PROBED + MADE, []),
        (CORE, "options mlx4_core num_vfs=0\n", ["virtual-functions-missing"]),
        ("etc/systemd/network/10-ib.link", "[Link]\nSR-IOVVirtualFunctions=4\n", []),
        ("etc/systemd/network/10-eno1.link", LINK_OF_ANOTHER, ["virtual-functions-missing"]),
        (RULES, OF_INTEL, ["virtual-functions-missing"]),
        ("usr/lib/udev/rules.d/90-vfs.rules", MADE, ["virtual-functions-probed"]),
        (CORE, "options mlx4_core \\\n  num_vfs=0000:05:00.0-4\n", ["guids-by-the-subnet-manager"]),
        (CORE, "# \\\noptions mlx4_core num_vfs=4\n", ["virtual-functions-missing"]),
        (CORE, "options mlx4_core num_vfs=0000:05:00.0-0\n", ["virtual-functions-missing"]),
        ("etc/network/interfaces", "  up echo 4 > /sys/class/net/ib0/device/sriov_numvfs\n", []),
        ("etc/systemd/system/vfs.service", "ExecStart=sh -c 'echo 4 > /x/sriov_numvfs'\n", []),
    ],
)
def test_virtual_functions_that_nothing_makes_or_the_host_takes_are_found(
    tmp_path: Path, path: str, text: str, ids: list[str]
) -> None:
    put(tmp_path, "h1", NOVA, SPEC)
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h1", path, text)

    assert [each.id for each in found(folder=tmp_path)] == ids


def test_virtual_functions_of_other_networks_are_none_of_this_lints_business(
    tmp_path: Path,
) -> None:
    put(tmp_path, "h1", NOVA, SPEC.replace('"ib"', '"ethernet"'))
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h1", RULES, "# nothing\n")

    assert found(folder=tmp_path) == ()


@pytest.mark.parametrize("adapter", ["mlx4", "mlx5"])
def test_a_cluster_whose_role_makes_no_virtual_functions_is_told(adapter: str) -> None:
    draft = todays_cluster()
    set_values(draft, FABRIC, adapter=adapter)
    assert of("virtual-functions-missing", draft) == []

    infiniband_roles(draft, virtualfunctions=0)
    (finding,) = of("virtual-functions-missing", draft)
    assert finding.place.host == "node[002-003]"
    assert "virtualfunctions" in finding.remedy


def test_both_forms_of_keys_are_well_where_vfs_of_mlx4_share_a_table(tmp_path: Path) -> None:
    article(tmp_path)

    assert of("both-forms-of-keys", folder=tmp_path) == []
    put(tmp_path, "headnode", FABRICD, "[fabric]\n")
    (finding,) = of("both-forms-of-keys", folder=tmp_path)
    assert finding.severity is Severity.ERROR


def test_interfaces_are_read_from_sysfs_too(tmp_path: Path) -> None:
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib9\n")
    (tmp_path / "h1/sys/class/net/ib0").mkdir(parents=True)

    assert [each.id for each in found(folder=tmp_path)] == ["interface-absent"]


def test_links_out_of_a_hosts_folder_are_not_followed(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    put(hosts, "h1", ESWITCHD, "[eswitch]\n")
    put(tmp_path, "outside", "x", "no ini file\n")
    (hosts / "h1" / ML2).parent.mkdir(parents=True)
    (hosts / "h1" / ML2).symlink_to(tmp_path / "outside/x")

    assert found(folder=hosts) == ()


@pytest.mark.parametrize("make", [False, True])
def test_a_folder_without_hosts_is_refused(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "x"
    if make:
        (folder / "h1").mkdir(parents=True)
    with pytest.raises(BadInput, match="cannot read the hosts' files in"):
        cloud_of(None, folder)


def test_no_interfaces_at_all_is_not_the_same_as_not_known(tmp_path: Path) -> None:
    put(tmp_path, "h1", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h2", ESWITCHD, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h1", "interfaces", "")

    assert [each.place.host for each in found(folder=tmp_path)] == ["h1"]


GENDERS = "etc/genders"
GROUPS = "etc/clustershell/groups.d/site.yaml"
OF_GROUPS = [
    (GENDERS, "node001 all\nnode[001-002] all\n", "genders-unreadable", 2),
    (GENDERS, "# all\n\nnode001 all rack=1\n", "genders-unreadable", 3),
    (GROUPS, "racks:\n  1: node001\n", "group-source-unreadable", None),
    ("etc/clustershell/groups.conf.d/site.conf", "[r]\nlist: x\n", "group-source-unreadable", None),
]


@pytest.mark.parametrize(("path", "text", "id_", "line"), OF_GROUPS)
def test_groups_that_their_programs_do_not_read_are_found(
    tmp_path: Path, path: str, text: str, id_: str, line: int | None
) -> None:
    put(tmp_path, "h1", path, text)

    (finding,) = found(folder=tmp_path)

    assert (finding.id, finding.place.line) == (id_, line)
    assert finding.severity is Severity.ERROR


def test_a_name_with_a_dot_is_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "h1", GENDERS, "node001.example.org all\n")

    (finding,) = found(folder=tmp_path)

    assert (finding.id, finding.severity) == ("genders-unreadable", Severity.WARNING)


def test_groups_of_a_site_beside_those_of_the_cluster_are_found(tmp_path: Path) -> None:
    view = todays_cluster()
    put(tmp_path, "headnode", GENDERS, "headnode all,login\nnode001 category=old,rack=1\n")
    put(tmp_path, "headnode", GROUPS, "type:\n  a: node001\nracks:\n  r1: node001\n")

    assert [each.key for each in of("genders-otherwise", view, tmp_path)] == ["category of node001"]
    (twice,) = of("group-source-twice", view, tmp_path)
    assert twice.key == "type"
    assert twice.other is not None
    assert twice.other.file == "/etc/clustershell/groups.d/ibstack.yaml"


def test_names_and_lists_of_an_older_store_are_found() -> None:
    view = todays_cluster()
    category = EntityPath.of("category", "a--b")
    view.put(Entity(category, "", {"excludelistsyncinstall": "/a\n/data # of users"}))

    assert [each.place.file for each in of("group-name", view)] == ["category/a--b"]
    (line,) = of("exclude-list-line", view)
    assert (line.key, line.value) == ("excludelistsyncinstall", "line 2: /data # of users")


@pytest.mark.parametrize(
    "path",
    [
        *("etc/genders", "etc/clustershell/groups.d/site.yaml", "etc/rdma/opensm.conf.1"),
        *("etc/network/interfaces", "etc/netplan/50-ib.yaml", "usr/lib/modprobe.d/mlx4.conf"),
        *("etc/infiniband/openib.conf", "run/udev/rules.d/90-vfs.rules"),
    ],
)
def test_a_host_with_any_file_that_a_check_looks_at_is_one_that_is_known(
    tmp_path: Path, path: str
) -> None:
    put(tmp_path, "h1", path, "")
    put(tmp_path, "h2", ESWITCHD, "[eswitch]\n")

    assert of("nothing-known", folder=tmp_path) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("etc/hosts", "/etc/hosts"),
        ("etc/kolla/config/neutron/ml2_conf.ini", "/etc/kolla/config/neutron/ml2_conf.ini"),
        ("etc/kolla/keystone/keystone.conf", "/etc/kolla/keystone/keystone.conf"),
        ("interfaces", "no file"),
    ],
)
def test_a_host_without_a_file_that_is_known_is_told_of(
    tmp_path: Path, path: str, value: str
) -> None:
    put(tmp_path, "h1", path, "ib0\n")
    put(tmp_path, "h2", ESWITCHD, "[eswitch]\n")
    (finding,) = found(folder=tmp_path)

    assert (finding.id, finding.place.host, finding.value) == ("nothing-known", "h1", value)
    assert finding.severity is Severity.WARNING
    assert "/etc/kolla" in finding.remedy


def test_kollas_files_are_held_against_each_other_and_the_host(tmp_path: Path) -> None:
    put(tmp_path, "h1", f"{KOLLA}/neutron-eswitchd/eswitchd.conf", "[DAEMON]\nfabrics = ib:ib9\n")
    agent = f"{KOLLA}/neutron-mlnx-agent/mlnx_agent.ini"
    put(tmp_path, "h1", agent, "[eswitch]\nphysical_interface_mappings = ib:ib0\n")
    put(tmp_path, "h1", "interfaces", "ib0\n")

    assert [each.id for each in found(folder=tmp_path)] == ["interface-absent", "interfaces-differ"]
