# SPDX-License-Identifier: Apache-2.0
"""What is said of the keys of mlnx_conf.ini, eswitchd.conf and ml2_conf.ini."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange
from ibstack.formats.ini import NotIni
from ibstack.upgrade.check import Sources, check
from ibstack.upgrade.finding import Finding, Verdict
from ibstack.upgrade.host_files import ESWITCHD_CONF, MLNX_CONF, no_group
from ibstack.upgrade.server_files import ML2_CONF, no_driver, owned_keys

ARTICLE = Path(__file__).parents[1] / "recorded" / "article"
RULES = {"agent": MLNX_CONF, "eswitchd": ESWITCHD_CONF, "ml2": ML2_CONF}
KEEPS, CHANGES, DECIDE = Verdict.KEEPS, Verdict.CHANGES, Verdict.DECIDE

CASES = [
    ("agent", "[ESWITCH]\nphysical_interface_mappings = ib:ib0,ib:ib1", KEEPS, "reads it"),
    ("agent", "[eswitch]\nphysical_interface_mappings = ib0", DECIDE, "cannot read it"),
    ("agent", "[ESWITCH]\nphysical_interface_mappings = ib:ib0,x:ib0", DECIDE, "mapped twice"),
    ("agent", "[ESWITCH]\nphysical_interface_mappings =", DECIDE, "no adapter"),
    ("agent", "[ESWITCH]\nphysical_interface_mappings = x:autoib", DECIDE, "name the interface"),
    ("agent", "[ESWITCH]\nphysical_interface_mappings = x:ib0,y:autoib", DECIDE, "InfiniBand"),
    ("agent", "[ESWITCH]\ndaemon_endpoint = tcp://127.0.0.1:60001", CHANGES, "no TCP port"),
    ("agent", "[ESWITCH]\nretries = 9", CHANGES, "tried again"),
    ("agent", "[AGENT]\npolling_interval = 2", CHANGES, "not polled"),
    ("agent", "[AGENT]\nreport_interval = 30", KEEPS, "reads it"),
    ("agent", "[AGENT]\nreport_interval = 0.5", DECIDE, "does not start"),
    ("agent", "[DEFAULT]\nhost = node001", KEEPS, "oslo's"),
    ("agent", "[elsewhere]\nkey = 1", CHANGES, "no daemon of ibstack has that section"),
    ("eswitchd", "[DAEMON]\nfabrics = 'ib:ib0'", KEEPS, "reads it"),
    ("eswitchd", "[DAEMON]\nfabrics='default:autoeth'", DECIDE, "Ethernet adapter"),
    ("eswitchd", "[DAEMON]\nfabrics = default:autoib", DECIDE, "name the interface"),
    ("eswitchd", "[DAEMON]\nfabrics = ib:", DECIDE, "cannot read it"),
    ("eswitchd", "[DAEMON]\nfabrics = ib:ib0,x:mlx5_0", DECIDE, "mlx5_0 is a device of RDMA"),
    ("eswitchd", "[DAEMON]\nfabrics = 'a:ib0','b:ib1'", DECIDE, "cannot read it"),
    ("eswitchd", "[DAEMON]\nsocket_os_addr = 0.0.0.0", CHANGES, "no TCP port"),
    ("eswitchd", "[AGENT]\nroot_helper = sudo", CHANGES, "is root's"),
    ("ml2", "[ml2]\nmechanism_drivers = openvswitch,mlnx_infiniband", KEEPS, "loads ibstack's"),
    ("ml2", "[ml2]\nmechanism_drivers = mlnx,openvswitch", DECIDE, "has one driver"),
    ("ml2", "[ml2]\nmechanism_drivers = infiniband,mlnx_infiniband", DECIDE, "has one driver"),
    ("ml2", "[ml2]\nmechanism_drivers = mlnx_sdn_assist,mlnx_infiniband", DECIDE, "UFM"),
    ("ml2", "[ml2]\nmechanism_drivers = sriovnicswitch,infiniband", DECIDE, "first one"),
    ("ml2", "[ml2]\nmechanism_drivers = infiniband,sriovnicswitch", KEEPS, "ib_hostdev"),
    ("ml2", "[mlnx]\nclient_id_hardware = True", CHANGES, "same form"),
    ("ml2", "[mlnx]\nclient_id_hardware = False", DECIDE, "no address"),
    ("ml2", "[sdn]\nurl = https://ufm", CHANGES, "UFM"),
    ("ml2", "[sdn]\nbind_normal_ports = true", CHANGES, "by itself"),
    ("ml2", "[ml2_type_flat]\nflat_networks = ib", CHANGES, "limited member"),
    ("ml2", "[ml2_type_vlan]\nnetwork_vlan_ranges = ib:1:10", KEEPS, "as before"),
]


@pytest.mark.parametrize(("file", "text", "verdict", "said"), CASES, ids=[c[1] for c in CASES])
def test_a_key(file: str, text: str, verdict: Verdict, said: str) -> None:
    (found,) = RULES[file].judge(text.encode(), "the.conf")

    assert (found.verdict, found.source, found.line) == (verdict, "the.conf", 2)
    assert said in found.ibstack
    assert bool(found.to_do) is (verdict is not KEEPS)


def test_no_secret_is_shown() -> None:
    text = b"[DEFAULT]\ntransport_url = rabbit://u:hunter2@h/\n[sdn]\ntoken = hunter2\n"
    text += b"[database]\nconnection = mysql://u:hunter2@h/\n[keystone]\npassword = hunter2\n"

    for rules in RULES.values():
        assert "hunter2" not in repr(list(rules.judge(text, "the.conf")))


def test_what_is_no_ini_file_is_said_with_its_line() -> None:
    with pytest.raises(NotIni, match="line 1"):
        list(ML2_CONF.judge(b"[ml2\nkey = 1\n", "ml2_conf.ini"))


def test_a_server_without_a_driver_is_to_be_decided() -> None:
    (found,) = no_driver(b"[ml2]\ntype_drivers = vlan\n", "ml2_conf.ini")

    assert (found.verdict, found.key) == (DECIDE, "[ml2] mechanism_drivers")
    assert no_driver(b"[ml2]\nmechanism_drivers = x\n", "ml2_conf.ini") == []


@pytest.mark.parametrize(
    "text", ["[DAEMON]\nfabrics = ib:ib0\n", "", "[eswitchd]\ngroup =\n", "[x]\ngroup = neutron\n"]
)
def test_an_eswitchd_that_would_lock_the_agent_out_is_to_be_decided(text: str) -> None:
    (found,) = no_group(text.encode(), "eswitchd.conf")

    assert (found.verdict, found.key) == (DECIDE, "[eswitchd] group")
    assert "/etc/ibstack/eswitchd.conf" in found.ibstack


def test_an_eswitchd_with_a_group_needs_no_word() -> None:
    assert no_group(b"[ESWITCHD]\ngroup = neutron\n", "eswitchd.conf") == []


def test_the_range_of_keys_is_that_of_the_driver() -> None:
    assert owned_keys(b"[infiniband]\nowned_keys = 1-16\n", "f") == KeyRange.parse("1-16")
    assert owned_keys(b"", "f") == DEFAULT_OWNED_KEYS


def test_the_files_of_the_article() -> None:
    answer = check(
        Sources(
            agent=ARTICLE / "image_mlnx_conf.ini",
            eswitchd=ARTICLE / "image_eswitchd.conf",
            ml2=ARTICLE / "head_ml2_conf.ini",
            partitions=ARTICLE / "head_partitions.conf",
        )
    )
    to_decide = [found.key for found in answer.findings if found.verdict is DECIDE]

    assert to_decide[:2] == ["[eswitchd] group", "[ml2] mechanism_drivers"]
    assert to_decide[2:4] == ["partition 0x7fff", "partition 0x0001"]
    assert len(to_decide) == 13
    assert _of(answer.findings, "[daemon] fabrics").verdict is KEEPS
    assert answer.exit_code == 3
    assert answer.not_known == ("the bound ports: give --neutron or --database",)


def test_an_agent_without_its_eswitchd_is_not_all_of_a_host() -> None:
    answer = check(Sources(agent=ARTICLE / "image_mlnx_conf.ini"))

    assert "eswitchd.conf of that host: give --eswitchd" in answer.not_known


def test_a_file_that_is_named_and_missing_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none: No such file"):
        check(Sources(agent=tmp_path / "none"))


def _of(findings: tuple[Finding, ...], key: str) -> Finding:
    return next(found for found in findings if found.key == key)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[ESWITCH]\n", '[{"ID": "x"}]\n'])
def test_a_file_that_sets_nothing_is_not_known_to_be_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mlnx_conf.ini"
    file.write_text(text)
    answer = check(Sources(agent=file))

    assert f"{file} sets no option: is it the file that its program reads?" in answer.not_known
    assert answer.exit_code == 4
