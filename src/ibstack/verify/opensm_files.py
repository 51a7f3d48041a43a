# SPDX-License-Identifier: Apache-2.0
"""Where a host's subnet manager has its files: by name, as in `etc/opensm/partitions.conf`.

Sources: opensm(8), -F and -P; its partition_config_file; [fabric] partitions_conf of fabricd.conf.
RHEL builds OpenSM with --with-opensm-conf-sub-dir=rdma, and so has /etc/rdma for /etc/opensm.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import (
    FABRICD_CONF,
    OPENSM_ARGS,
    OPENSM_CONF,
    OPENSM_CONF_RHEL,
    PARTITIONS_CONF,
    PARTITIONS_CONF_RHEL,
    SYSTEMCTL,
    Unread,
    last,
)
from ibstack.verify.host.services import units

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence

_PROGRAMS: Final = {"opensm", "opensmd"}


def config_name(host: Evidence) -> str:
    """Return the name of the configuration that OpenSM reads."""
    told = _option(host, "-F", "--config")
    if told:
        return told
    confs = (OPENSM_CONF, OPENSM_CONF_RHEL)
    return next((name for name in confs if host.has(name)), OPENSM_CONF)


def partitions_name(host: Evidence) -> str:
    """Return the name of the partitions file: what fabricd writes is what OpenSM is to read."""
    keys = host.ini(FABRICD_CONF)
    if not isinstance(keys, Unread):
        return _name(last(keys, "fabric", "partitions_conf") or f"/{PARTITIONS_CONF}")
    config = config_name(host)
    usual = PARTITIONS_CONF_RHEL if config == OPENSM_CONF_RHEL else PARTITIONS_CONF
    return _option(host, "-P", "--Pconfig") or _configured(host, config) or usual


def partitions(host: Evidence) -> str | Unread:
    """Return the text of the partitions file.

    A file is not known to be missing where what names another could not be read.
    """
    text = host.text(partitions_name(host))
    if isinstance(text, str) or not text.absent:
        return text
    for name in (FABRICD_CONF, config_name(host)):
        told = host.text(name)
        if isinstance(told, str):
            break
        if not told.absent:
            return Unread(f"/{name} may name another file: {told.why}")
    return text


def has_subnet_manager(host: Evidence) -> bool:
    """Tell whether a host has the files of a subnet manager, or runs one."""
    if host.has(OPENSM_ARGS) or host.has(OPENSM_CONF) or host.has(FABRICD_CONF):
        return True
    # RHEL's package brings this one to every host that has it, also for its tools alone.
    return host.has(OPENSM_CONF_RHEL) and _may_run(host)


def _may_run(host: Evidence) -> bool:
    text = host.text(SYSTEMCTL)
    if isinstance(text, Unread):
        return True
    ours = [unit for unit in units(text) if unit.name in _PROGRAMS and unit.loaded]
    return any(unit.active == "active" or unit.starts_by_itself for unit in ours)


def _name(path: str) -> str:
    """Return the name of a path; it cannot lead out of the host's folder."""
    return os.path.normpath(f"/{path.strip()}".replace("\0", "")).lstrip("/")


def _option(host: Evidence, short: str, long: str) -> str | None:
    """Return the name of the file that OpenSM was given, in any of getopt_long's forms."""
    text = host.text(OPENSM_ARGS)
    # Of several the first counts: a site has one fabric.
    words = [] if isinstance(text, Unread) else text.partition("\n")[0].split()
    for word, after in pairwise([*words, ""]):
        if word in {short, long}:
            return _name(after) if after else None
        if word.startswith(f"{long}="):
            return _name(word.removeprefix(f"{long}="))
        if word.startswith(short) and not word.startswith("--"):
            return _name(word.removeprefix(short))
    return None


def _configured(host: Evidence, config: str) -> str | None:
    text = host.text(config)
    if isinstance(text, Unread):
        return None
    told = option_lines(text).get("partition_config_file")
    return _name(told) if told else None


def option_lines(text: str) -> dict[str, str]:
    """Return the options that a configuration of OpenSM sets; the last of each counts.

    Source: osm_subn_parse_conf_file() of opensm/osm_subnet.c: blanks or tabs behind the name, `#`
    ends a line, and quotes around a value go.
    """
    found = {}
    for line in text.splitlines():
        name, *rest = line.partition("#")[0].split(None, 1)[:2] or [""]
        value = rest[0].strip() if rest else ""
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if value:
            found[name] = value
    return found
