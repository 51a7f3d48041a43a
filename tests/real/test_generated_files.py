# SPDX-License-Identifier: Apache-2.0
"""What is generated is read by the programs that it is for; each judge also rejects a bad file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from oslo_config import cfg

from cluster.infiniband_cluster import (
    FABRIC,
    GUID,
    former_cluster,
    set_values,
    todays_cluster,
    two_fabrics,
)
from ibstack.cluster.config.render import files_of
from ibstack.fabric.errors import BadInput
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.formats.ini import IniText
from ibstack.formats.partitions_conf.strict import PartitionsFileFaults, parse
from ibstack.host.eswitchd.config import load
from ibstack.mad import FabricReader, NodeType
from ibstack.neutron.server.options import read_settings as read_driver_settings
from ibstack.subnet_manager.fabricd import options as fabricd_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.cluster.model.state import Draft
    from ibstack_lab.fabric.simulated import Fabric


def content(draft: Draft, device: str, path: str) -> bytes:
    return files_of(draft, device)[PurePosixPath(path)].content(None)


def judged(*files: Path) -> dict[str, dict[str, list[Any]]]:
    """Return what tests/oslo_judge.py says of each file."""
    argv = [sys.executable, "-W", "ignore", str(Path(__file__).parents[1] / "oslo_judge.py")]
    done = subprocess.run([*argv, *map(str, files)], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, list[Any]]] = json.loads(done.stdout.splitlines()[-1])
    return found


FILES = [
    ("headnode", "/etc/neutron/plugins/ml2/ml2_conf.ini"),
    ("headnode", "/etc/ibstack/fabricd.conf"),
    ("node001", "/etc/neutron/dhcp_agent.ini"),
    ("node001", "/etc/neutron/l3_agent.ini"),
    ("node001", "/etc/neutron/plugins/ml2/openvswitch_agent.ini"),
    ("node002", "/etc/neutron/plugins/ml2/openvswitch_agent.ini"),
    ("node002", "/etc/nova/nova.conf"),
    ("node002", "/etc/ibstack/agent.conf"),
]


def test_oslo_config_knows_every_option_and_takes_its_value(tmp_path: Path) -> None:
    files = []
    for isolation in ("vlan", "vxlan"):
        for device, path in FILES:
            file = tmp_path / isolation / device / Path(path).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content(todays_cluster(isolation), device, path))
            assert IniText(file.read_bytes()).keys()
            files.append(file)

    assert {path: each["complaints"] for path, each in judged(*files).items()} == {
        str(file): [] for file in files
    }


def test_that_judge_rejects_unknown_options_and_bad_values(tmp_path: Path) -> None:
    file = tmp_path / "openvswitch_agent.ini"
    file.write_bytes(b"[ovs]\nlocal_ip = ib0\nbridge_map = a:b\n[nowhere]\na = 1\n")

    (said,) = judged(file).values()

    assert [each.partition(":")[0] for each in said["complaints"]] == [
        "[ovs]local_ip",
        "[ovs]bridge_map",
        "[nowhere]a",
    ]


def test_nova_makes_a_device_specification_of_ours(tmp_path: Path) -> None:
    files = []
    for adapter in ("mlx4", "mlx5"):
        draft = todays_cluster()
        set_values(draft, FABRIC, adapter=adapter)
        files.append(tmp_path / adapter / "nova.conf")
        files[-1].parent.mkdir()
        files[-1].write_bytes(content(draft, "node002", "/etc/nova/nova.conf"))

    for each in judged(*files).values():
        assert [tags["physical_network"] for tags in each["tags"]] == ["ibhostnet"]


def test_what_is_joined_of_two_fabrics_is_read_as_two(tmp_path: Path) -> None:
    draft = two_fabrics()
    files = []
    for device, path in FILES:
        file = tmp_path / device / Path(path).name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content(draft, device, path))
        files.append(file)
    group = "+/etc/ibstack/eswitchd.conf[eswitchd]group=root"
    role = FABRIC.of("category", "openstack-compute-hosts").inside("roles", "infinibandhost")
    set_values(draft, role, configfilemodifications=(group,))
    (tmp_path / "eswitchd.conf").write_bytes(
        content(draft, "node002", "/etc/ibstack/eswitchd.conf")
    )

    said = judged(*files)

    assert {path: each["complaints"] for path, each in said.items()} == {
        str(file): [] for file in files
    }
    (tags,) = (each["tags"] for path, each in said.items() if path.endswith("nova.conf"))
    assert [each["physical_network"] for each in tags] == ["ibhostnet", "ibstorage"]
    driver = read_driver_settings(_conf(tmp_path / "headnode/ml2_conf.ini"))
    assert driver.physical_networks == {"ibhostnet", "ibstorage"}
    assert [str(each.interface) for each in load(tmp_path / "eswitchd.conf").mappings] == [
        "ib0",
        "ib2",
    ]


def test_ibstacks_own_programs_read_what_is_theirs(tmp_path: Path) -> None:
    draft = todays_cluster()
    role = FABRIC.of("category", "openstack-compute-hosts").inside("roles", "infinibandhost")
    # No such group on the machine of a test.
    group = "+/etc/ibstack/eswitchd.conf[eswitchd]group=root"
    set_values(draft, role, configfilemodifications=(group,))
    for device, path in (
        ("headnode", "/etc/ibstack/fabricd.conf"),
        ("headnode", "/etc/neutron/plugins/ml2/ml2_conf.ini"),
        ("node002", "/etc/ibstack/eswitchd.conf"),
    ):
        (tmp_path / Path(path).name).write_bytes(content(draft, device, path))

    assert load(tmp_path / "eswitchd.conf").mappings[0].interface == "ib0"
    fabricd = fabricd_options.read_settings(
        _conf(tmp_path / "fabricd.conf", fabricd_options.register)
    )
    assert fabricd.fabric.full_default == {Guid.parse(GUID)}
    driver = read_driver_settings(_conf(tmp_path / "ml2_conf.ini"))
    assert driver.owned_keys == fabricd.fabric.owned_keys

    (tmp_path / "eswitchd.conf").write_bytes(b"[eswitchd]\nsocket = here\n")
    with pytest.raises(BadInput):
        load(tmp_path / "eswitchd.conf")


def _conf(
    path: Path, register: Callable[[cfg.ConfigOpts], None] = lambda _: None
) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    register(conf)
    conf(["--config-file", str(path)])
    return conf


def test_opensm_puts_a_static_partitions_conf_into_the_tables(
    wires: Fabric, reader_at: Callable[[str], FabricReader]
) -> None:
    draft = former_cluster()
    set_values(draft, FABRIC, defaultmembership="limited")
    found = content(draft, "headnode", "/etc/opensm/partitions.conf")
    parse(found, "partitions.conf")
    wires.partitions_conf("head").write_bytes(found)
    wires.start_subnet_manager("head")

    def tables() -> dict[bool, set[str]]:
        """Return what the subnet manager's own port holds, and what the others do."""
        reader = reader_at("head")
        ports = reader.discover().ports.values()
        hosts = [each for each in ports if each.node_type is NodeType.CHANNEL_ADAPTER]
        held: dict[bool, set[str]] = {}
        for guid, table in reader.pkey_tables(hosts).items():
            assert isinstance(table, tuple), table
            own = guid == wires.topology.hosts[0].port_guid
            held.setdefault(own, set()).update(str(entry) for entry in table if entry)
        return held

    tenants = {str(TableEntry.from_wire(0x8000 | key)) for key in range(1, 11)}
    expected = {True: {"0xffff", *tenants}, False: {"0x7fff", *tenants}}
    deadline = time.monotonic() + 10
    while (shown := tables()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert shown == expected


def test_the_strict_reader_rejects_a_static_file_that_opensm_would_take_for_open() -> None:
    found = content(former_cluster(), "headnode", "/etc/opensm/partitions.conf")

    with pytest.raises(PartitionsFileFaults):
        parse(found.replace(b"ALL_CAS=full;", b"ALL_CAS=ful1;", 1), "partitions.conf")


@pytest.mark.parametrize("cluster", [former_cluster, todays_cluster])
def test_opensm_takes_every_option_of_opensm_conf(
    cluster: Callable[[], Draft], tmp_path: Path
) -> None:
    found = content(cluster(), "headnode", "/etc/opensm/opensm.conf")

    said, written = _opensm_reads(found, tmp_path)

    assert "Unrecognized" not in said
    options = [line for line in found.decode().splitlines() if line and line[0] != "#"]
    assert options
    assert set(options) <= set(written.splitlines())


def test_opensm_tells_of_an_option_that_it_does_not_know(tmp_path: Path) -> None:
    said, _ = _opensm_reads(b"allow_all_pkeys TRUE\n", tmp_path)

    assert "Unrecognized" in said


def _opensm_reads(content: bytes, folder: Path) -> tuple[str, str]:
    """Return what OpenSM says of a configuration, and the one it makes of it."""
    if not shutil.which("opensm"):
        pytest.skip("needs opensm: apt-get install opensm")
    (folder / "in.conf").write_bytes(content)
    argv = ["opensm", "-f", str(folder / "log"), "-F", "in.conf", "-c", "out.conf"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, (folder / "out.conf").read_text()


def test_modprobe_reads_the_drivers_options(tmp_path: Path) -> None:
    for name in ("mlx4_core.conf", "mlx4_ib.conf"):
        found = content(former_cluster(), "node002", f"/etc/modprobe.d/{name}")
        (tmp_path / name).write_bytes(found)

    said, wrong = _modprobe(tmp_path)

    options = "port_type_array=1,1 num_vfs=16 probe_vf=0 debug_level=1"
    assert f"options mlx4_core {options}\n" in said
    assert "options mlx4_ib sm_guid_assign=0\n" in said
    assert wrong == ""


def test_modprobe_tells_of_a_bad_line(tmp_path: Path) -> None:
    (tmp_path / "mlx4_core.conf").write_text("option mlx4_core num_vfs=16\n")

    assert "mlx4_core.conf line 1" in _modprobe(tmp_path)[1]


def _modprobe(folder: Path) -> tuple[str, str]:
    if not shutil.which("modprobe"):
        pytest.skip("needs modprobe: apt-get install kmod")
    argv = ["modprobe", "--showconfig", "-C", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    return done.stdout, done.stderr


def test_a_shell_reads_openib_conf_and_the_kernels_command_line(tmp_path: Path) -> None:
    parameters = "pci=realloc pci=nocrs x='a b' $HOME"
    draft = former_cluster()
    image = FABRIC.of("softwareimage", "openstack-image")
    set_values(draft, image, kernelparameters=parameters)
    for path in ("/etc/infiniband/openib.conf", "/etc/default/grub.d/ibstack.cfg"):
        (tmp_path / Path(path).name).write_bytes(content(draft, "node002", path))

    script = '. ./openib.conf; . ./ibstack.cfg; printf "%s\\n" "$E_IPOIB_LOAD$GRUB_CMDLINE_LINUX"'
    done = subprocess.run(
        ["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )

    assert (done.stdout, done.stderr) == (f"yes{parameters}\n", "")
