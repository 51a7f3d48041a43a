# SPDX-License-Identifier: Apache-2.0
"""Readers of what others write, each as a function of bytes that fails where it must not.

Hypothesis feeds them in `make test`, atheris in `make fuzz`.  A target returns for whatever it was
given, or raises what is wrong with the reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fuzz import host_targets
from ibstack.cluster.text_file.nodes import BadFile
from ibstack.cluster.text_file.reading import read as read_cluster
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.formats.ini import IniText, NotIni
from ibstack.formats.partitions_conf.reading import read as read_any
from ibstack.formats.partitions_conf.strict import PartitionsFileFaults, parse
from ibstack.host.eswitchd import config as eswitchd_config
from ibstack.neutron.agents.dhcp_requests import parse_hosts, parse_packet, why_unanswered
from ibstack.neutron.protocol import agent_report, replies
from ibstack.subnet_manager.opensm.partitions_conf import read, read_site, render
from ibstack.upgrade import partitions
from ibstack.upgrade.host_files import ESWITCHD_CONF, MLNX_CONF
from ibstack.upgrade.server_files import ML2_CONF

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.upgrade.finding import Finding

_IN_MEMORY: Final = Path("/dev/shm")
_LONGEST_MESSAGE: Final = 1000


def _told(what: object) -> None:
    """A refusal says what is wrong."""
    assert what


def published(data: bytes) -> None:
    """The file that ibstack-fabricd publishes: what is read is what would be written."""
    try:
        found = read(data, "partitions.conf")
    except PartitionsFileFaults as error:
        _told(error.faults)
        return
    assert render(found).encode() == data


def site(data: bytes) -> None:
    """The site's own partitions: carried over to the byte, or refused with a line."""
    with contextlib.suppress(PartitionsFileFaults):
        parse(data, "site.conf")
    try:
        text = read_site(data, "site.conf", DEFAULT_OWNED_KEYS)
    except PartitionsFileFaults as error:
        _told(error.faults)
        last = data.count(b"\n") + 1
        _told(all(1 <= fault.line <= last and fault.what for fault in error.faults))
    else:
        assert not text or text.encode() in (data, data + b"\n")
    assert all(f.source == "site.conf" for f in _judged(data))


def _judged(data: bytes) -> list[Finding]:
    return list(partitions.judge(data, "site.conf", DEFAULT_OWNED_KEYS, None))


def persons_partitions(data: bytes) -> None:
    """A partitions.conf of anybody's: something is said of it, and the same by either way."""
    found = read_any(data)
    assert found == read_any(data, plainly=False)
    _told(found.statements or found.refused or found.not_known)
    last = data.count(b"\n") + 1
    _told(all(1 <= remark.line <= last and remark.what for remark in found.remarks))


def ini(data: bytes) -> None:
    """Ini files that an administrator wrote: any edit of nothing leaves every byte."""
    try:
        text = IniText(data, "the.conf")
    except NotIni as error:
        _told(error.faults)
        return
    assert text.content() == data
    assert len(text.located()) >= len(text.keys())
    for rules in (MLNX_CONF, ESWITCHD_CONF, ML2_CONF):
        assert len(list(rules.judge(data, "the.conf"))) == len(text.located())


def eswitchd_conf(data: bytes) -> None:
    """The configuration of the daemon that is root."""
    folder = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    handle, path = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        with contextlib.suppress(BadInput):
            assert eswitchd_config.load(path).mappings
    finally:
        os.unlink(path)


def cluster_file(data: bytes) -> None:
    """A cluster in YAML."""
    try:
        read_cluster(data.decode("utf-8", "surrogateescape"))
    except BadFile as error:
        _told(error.faults)


def rpc_reply(data: bytes) -> None:
    """What Neutron answers, as JSON of any shape."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return
    for reader in (
        replies.read_host_ports,
        replies.read_fabric_members,
        replies.read_host_report,
        replies.read_unknown,
    ):
        try:
            reader(raw, "ask")
        except replies.BadReply as error:
            _told(len(str(error)) < _LONGEST_MESSAGE)


def read_agent_report(data: bytes) -> None:
    """What an agent says of itself, as the database keeps it."""
    text = data.decode("utf-8", "surrogateescape")
    known = agent_report.guids(text)
    for adapter in agent_report.adapters_in(text):
        assert adapter.port_guid is None or adapter.port_guid in known
    assert all(isinstance(name, str) for name in agent_report.served_networks(text))


_GUESTS: Final = parse_hosts(
    "fa:16:3e:12:34:56,id:20:fa:16:3e:00:00:12:34:56,host-10-0-0-5.,10.0.0.5\n"
    "fa:16:3e:12:34:57,host-10-0-0-6.,10.0.0.6\n"
)


def dhcp_packet(data: bytes) -> None:
    """What a guest sends to the host that serves DHCP."""
    try:
        request = parse_packet(data)
    except BadValue as error:
        _told(len(str(error)) < _LONGEST_MESSAGE)
        return
    if request is not None:
        why = why_unanswered(request, _GUESTS)
        _told(why is None or len(why) < _LONGEST_MESSAGE)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "published": published,
    "site": site,
    "persons_partitions": persons_partitions,
    "ini": ini,
    "eswitchd_conf": eswitchd_conf,
    "cluster_file": cluster_file,
    "rpc_reply": rpc_reply,
    "agent_report": read_agent_report,
    "dhcp_packet": dhcp_packet,
    "eswitchd_request": host_targets.eswitchd_request,
    "eswitchd_answer": host_targets.eswitchd_answer,
    "sysfs": host_targets.sysfs,
}
