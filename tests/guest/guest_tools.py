# SPDX-License-Identifier: Apache-2.0
"""The tools that read a guest's configuration, as judges of a file.

Each raises Rejected with what the tool said.  A test skips where the tool is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.guest.config_file import ConfigFile

if TYPE_CHECKING:
    from collections.abc import Iterable

SYSTEM_PYTHON = "/usr/bin/python3"
NETWORKD = "/lib/systemd/systemd-networkd"
# Unpacked and not installed: cloud-init would take over the machine at its next start.
CLOUD_INIT = Path(__file__).parents[2] / ".cache/cloud-init/usr/lib/python3/dist-packages"
LIMIT_S = 60


class Rejected(Exception):
    """A tool found fault with a file."""


def install(files: Iterable[ConfigFile], root: Path) -> Path:
    for file in files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)
    return root


def read_keyfile(file: ConfigFile) -> dict[str, dict[str, Any]]:
    """What libnm, NetworkManager's library, makes of a keyfile, by setting and property."""
    return dict(json.loads(_system_python(_LIBNM, file.text)))


def need_libnm() -> None:
    _need_module("import gi; gi.require_version('NM', '1.0')", "gir1.2-nm-1.0 python3-gi")


_LIBNM = """
import json, sys
import gi
gi.require_version("NM", "1.0")
from gi.repository import GLib, NM
text = sys.stdin.read()
keyfile = GLib.KeyFile()
keyfile.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
def refuse(_file, _connection, kind, data, _user):
    sys.exit(f"libnm: {kind}")
folder = "/etc/NetworkManager/system-connections"
connection = NM.keyfile_read(keyfile, folder, NM.KeyfileHandlerFlags.NONE, refuse, None)
connection.normalize(None)
connection.verify()
found = {}
def note(setting, name, value, _flags, _user=None):
    plain = value if isinstance(value, (str, int, bool)) else None
    found.setdefault(setting.get_name(), {})[name] = plain
connection.for_each_setting_value(note, None)
for version, setting in (4, connection.get_setting_ip4_config()), (
    6, connection.get_setting_ip6_config()
):
    addresses = [setting.get_address(n) for n in range(setting.get_num_addresses())]
    routes = [setting.get_route(n) for n in range(setting.get_num_routes())]
    found[f"ipv{version}"] |= {
        "addresses": [f"{a.get_address()}/{a.get_prefix()}" for a in addresses],
        "routes": [f"{r.get_dest()}/{r.get_prefix()} {r.get_next_hop()}" for r in routes],
        "dns": [setting.get_dns(n) for n in range(setting.get_num_dns())],
    }
print(json.dumps(found))
"""


def netplan_generate(root: Path) -> str:
    """What netplan makes of the files under *root*: its .network file for networkd."""
    _netplan(root)
    return (root / "run/systemd/network/10-netplan-ib0.network").read_text()


def netplan_keyfile(root: Path) -> ConfigFile:
    """What netplan makes of the files under *root* where NetworkManager is its renderer."""
    renderer = root / "etc/netplan/01-network-manager-all.yaml"
    renderer.write_text("network: {version: 2, renderer: NetworkManager}\n")
    renderer.chmod(0o600)
    _netplan(root)
    path = "run/NetworkManager/system-connections/netplan-ib0.nmconnection"
    return ConfigFile(f"/{path}", (root / path).read_text())


def _netplan(root: Path) -> None:
    argv = ["netplan", "generate", "--root-dir", str(root)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode or done.stderr.strip():
        raise Rejected(done.stderr)


def networkd_reads(root: Path) -> str:
    """Have the real daemon load *root*'s files in a namespace of its own; return what it said."""
    script = """
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/netif/links /run/systemd/netif/leases
    chown -R systemd-network: /run/systemd/netif 2>/dev/null
    mount --bind "$1/etc/systemd/network" /etc/systemd/network
    exec env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console "$2"
    """
    daemon = subprocess.Popen(
        ["unshare", "--mount", "--net", "sh", "-c", script, "sh", str(root), NETWORKD],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert daemon.stdout is not None
    said: list[str] = []
    limit = threading.Timer(LIMIT_S, daemon.kill)
    limit.start()
    try:
        for line in daemon.stdout:
            said.append(line)
            if "Enumeration completed" in line:
                break
    finally:
        limit.cancel()
        daemon.terminate()
        daemon.communicate(timeout=LIMIT_S)
    faults = [line for line in said if line.startswith("/etc/systemd/network/")]
    if faults or "Enumeration completed" not in said[-1]:
        raise Rejected("".join(faults or said))
    return "".join(said)


def need_networkd() -> None:
    if not Path(NETWORKD).exists():
        pytest.skip("needs systemd-networkd: apt-get install systemd")
    if os.geteuid():
        pytest.skip("needs root: networkd runs in a namespace")
    argv = ["unshare", "--mount", "--net", "true"]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("needs to make namespaces")


def cloud_init_renders(kind: str, file: ConfigFile, root: Path) -> dict[str, str]:
    """What cloud-init writes on a host with an ib0, by path: *kind* is sysconfig or netplan …"""
    sysfs = root / "sys"
    net = sysfs / "ib0"
    net.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "address": "80:00:02:08:fe:80:00:00:00:00:00:00:fa:16:3e:00:00:0a:bc:de",
        "type": "32",
        "addr_assign_type": "0",
        "operstate": "down",
    }.items():
        (net / name).write_text(f"{text}\n")
    (net / "device").mkdir(exist_ok=True)
    out = root / "out"
    said = _system_python(_CLOUD_INIT, file.text, kind, str(sysfs), str(out))
    if "WARNING" in said:
        raise Rejected(said)
    return {str(p.relative_to(out)): p.read_text() for p in out.rglob("*") if p.is_file()}


_CLOUD_INIT = """
import json, logging, os, sys
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING, stream=sys.stdout)
kind, sysfs, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
from cloudinit import net, safeyaml
net.get_sys_class_path = lambda: sysfs + "/"
from cloudinit.net import network_state, renderers
from cloudinit.sources.helpers import openstack
text = sys.stdin.read()
config = safeyaml.load(text)
if "links" in config:
    config = openstack.convert_net_json(config)
state = network_state.parse_net_config_data(config, skip_broken=False)
from cloudinit.distros import rhel
settings = rhel.Distro.renderer_configs.get(kind)
renderer = renderers.NAME_TO_RENDERER[kind].Renderer(settings)
renderer.render_network_state(state, target=out)
"""


def need_cloud_init() -> None:
    _need_module(
        "import cloudinit.net.network_state",
        "cloud-init, unpacked into .cache/cloud-init",
    )


def sourced(file: ConfigFile) -> dict[str, str]:
    """What a shell makes of an ifcfg file, as initscripts have it do."""
    script = "set -eu; set -o allexport; . /dev/stdin; exec env -0"
    done = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", script],
        input=file.text,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    if done.returncode:
        raise Rejected(done.stderr)
    pairs = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in pairs.items() if name not in {"PATH", "PWD", "_"}}


def _system_python(script: str, stdin: str, *arguments: str) -> str:
    done = subprocess.run(
        [SYSTEM_PYTHON, "-W", "ignore", "-c", script, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(CLOUD_INIT)},
    )
    if done.returncode:
        raise Rejected(done.stderr or done.stdout)
    return done.stdout


def _need_module(statement: str, packages: str) -> None:
    with suppress(Rejected, OSError):
        _system_python(statement, "")
        return
    pytest.skip(f"needs Debian's {packages}")
