# SPDX-License-Identifier: Apache-2.0
"""The partitions file of each subnet manager: there, read as meant, the same everywhere."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import FABRICD_CONF, PARTITIONS_CONF, Missing, shown
from ibstack.facts.opensm_files import partitions, read_by_opensm, written_by_fabricd
from ibstack.formats.partitions_conf.remark import Effect
from ibstack.formats.partitions_conf.statement import MembershipFlag
from ibstack.formats.partitions_conf.strict import PartitionsFileFaults
from ibstack.subnet_manager.opensm.partitions_conf import read
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric import opensm_conf
from ibstack.verify.fabric.files import default_of_all, located, place, reading, statements, unknown
from ibstack.verify.selectors import each_subnet_manager_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import Site


@rule(
    "default-limited",
    "ports are limited members of the default partition",
    "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full",
    "let ibstack-fabricd write the file (`ibstack partition take-over`), or write ALL=limited:"
    " as it is every tenant reaches every host",
    rank=3,
)
@each_subnet_manager_host
def default_limited(host: Evidence) -> Iterator[Observation]:
    """The partitions file makes every port a limited member of the default partition."""
    said = reading(host)
    if isinstance(said, Missing):
        if not said.absent:  # Another check says that there is none.
            yield unknown(host, said)
        return
    flag = default_of_all(said.statements)
    if said.refused is not None:
        why = f"OpenSM refuses the file: {located(host, said.refused)}"
        yield Observation(host.host, False, f"every port full, since {why}", place(host))
    elif flag in (None, MembershipFlag.LIMITED) and said.not_known is not None:
        yield Observation(host.host, None, located(host, said.not_known), place(host))
    else:
        # Nothing said of it: OpenSM makes every port a limited member (doc/partition-config.txt).
        found = f"ALL={flag.value}" if flag else "nothing of 0x7fff, which means limited"
        yield Observation(host.host, flag in (None, MembershipFlag.LIMITED), found, place(host))


@rule(
    "one-partitions-file",
    "OpenSM reads the partitions file that ibstack-fabricd writes",
    "one path in both",
    "set partitions_conf of fabricd.conf to the file that OpenSM reads: its option -P, or"
    " partition_config_file in its configuration",
    rank=1,
)
@each_subnet_manager_host
def one_partitions_file(host: Evidence) -> Iterator[Observation]:
    """What ibstack-fabricd writes is what OpenSM reads."""
    written = written_by_fabricd(host)
    if written is None:
        return  # Static partitions are a site's own.
    named = read_by_opensm(host)
    source = f"{opensm_conf.place(host)}, {shown(FABRICD_CONF)}"
    if isinstance(named, Missing):
        yield Observation(host.host, None, named.why, source)
    elif named == written:
        yield Observation(host.host, True, f"both name {shown(named)}", source)
    else:
        found = f"OpenSM reads {shown(named)}, and {shown(written)} is written"
        same = host.has(named) and host.text(named) == host.text(written)
        # A link would make them one file; links are not followed here.
        yield Observation(host.host, None if same else False, found, source)


@rule(
    "partitions-canonical",
    "the partitions file is as ibstack-fabricd wrote it",
    "not edited since",
    "put partitions of the site into site_partitions; then `ibstack partition restore`, or"
    " `take-over` where the file was there before ibstack",
    rank=4,
)
@each_subnet_manager_host
def partitions_canonical(host: Evidence) -> Iterator[Observation]:
    """Where ibstack-fabricd writes the partitions file, it stands there as it was written."""
    text = partitions(host)
    if not host.has(FABRICD_CONF) or isinstance(statements(host), Missing):
        return  # Static partitions are a site's own; and other checks tell of the rest.
    if isinstance(text, Missing):
        yield unknown(host, text)
        return
    try:
        read(text.encode(), place(host))
    except PartitionsFileFaults as error:
        yield Observation(host.host, False, str(error.faults[0]), place(host))
    else:
        yield Observation(host.host, True, "as ibstack-fabricd writes it", place(host))


# Seen on OpenSM 3.3.23: a standby with another file removes tenants' keys when it takes over.
@rule(
    "partitions-equal",
    "every subnet manager has the same partitions file",
    "the master's file, to the byte",
    "start ibstack-fabricd on that host, and see in its log why its file is another",
)
def partitions_equal(site: Site) -> Iterator[Observation]:
    """Every subnet manager has the same partitions: a standby that takes over changes nothing."""
    hosts = site.subnet_manager_hosts()
    texts = {_which(host): partitions(host) for host in hosts}
    digests = {which: _digest(text) for which, text in texts.items() if isinstance(text, str)}
    managers = 0 if isinstance(site.fabric, Missing) else len(site.fabric.managers)
    if len(digests) < max(managers, 2):
        # One file is equal to itself: that says nothing.
        why = f"{len(digests)} of {max(managers, 2)} files were collected"
        for host in hosts:
            if _which(host) in digests:
                yield Observation(host.host, None, why, place(host))
        if not digests:
            yield Observation("", None, why, shown(PARTITIONS_CONF))
    if len(digests) > 1:
        usual = _of_master(site, digests) or Counter(digests.values()).most_common(1)[0][0]
        for host in hosts:
            digest = digests.get(_which(host))
            if digest is not None:
                found, wanted = f"sha256 {digest}", f"sha256 {usual}"
                yield Observation(host.host, digest == usual, found, place(host), "", wanted)


def _which(host: Evidence) -> tuple[str, str]:
    """Return whose file it is, and where: a host may run several OpenSMs."""
    return host.host, place(host)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _of_master(site: Site, digests: dict[tuple[str, str], str]) -> str | None:
    """Return the master's: it is what is in force."""
    if isinstance(site.fabric, Missing):
        return None
    masters = [port.host for port in site.fabric.managers if port.is_master]
    return next((digest for (host, _), digest in digests.items() if host in masters), None)


# Seen on OpenSM 3.3.23 (tests/real/test_opensm_fails_open.py).
@rule(
    "partitions-present",
    "the subnet manager has a partitions file",
    "a file",
    "start ibstack-fabricd there: at its next heavy sweep OpenSM makes every port a full member of"
    " the default partition",
    rank=1,
)
@each_subnet_manager_host
def partitions_present(host: Evidence) -> Iterator[Observation]:
    """Every subnet manager has a partitions file: without one OpenSM opens the fabric."""
    text = partitions(host)
    if isinstance(text, str):
        yield Observation(host.host, True, f"{text.count(chr(10))} lines", place(host))
    elif text.absent:
        yield Observation(host.host, False, "there is no such file", place(host))
    else:
        yield unknown(host, text)


# Of two that are as bad the first counts.
_WORSE: Final = (Effect.AS_MEANT, Effect.OTHERWISE, Effect.NOT_KNOWN, Effect.REFUSED)
_HOLDS: Final = {
    Effect.AS_MEANT: True,
    Effect.OTHERWISE: False,
    Effect.NOT_KNOWN: None,
    Effect.REFUSED: False,
}


# opensm/doc/partition-config.txt; each slip seen on 3.3.23 (formats/partitions_conf/reading.py).
@rule(
    "partitions-readable",
    "OpenSM reads the partitions file as it was meant",
    "no line that OpenSM refuses, guesses or cuts",
    "`ibstack partition restore` puts the last good copy back; one line that OpenSM refuses makes"
    " every port a full member of the default partition",
    rank=2,
)
@each_subnet_manager_host
def partitions_readable(host: Evidence) -> Iterator[Observation]:
    """OpenSM takes the partitions file for what it was meant to say."""
    said = reading(host)
    if isinstance(said, Missing):
        if not said.absent:
            yield unknown(host, said)
        return
    worst = max(said.remarks, key=lambda remark: _WORSE.index(remark.effect), default=None)
    if worst is None:
        yield Observation(host.host, True, f"{len(said.statements)} statements", place(host))
        return
    others = f", and {len(said.remarks) - 1} more" if len(said.remarks) > 1 else ""
    found = f"{located(host, worst)}{others}"
    if worst.effect is Effect.AS_MEANT:
        found = f"{len(said.statements)} statements; OpenSM takes as meant: {found}"
    yield Observation(host.host, _HOLDS[worst.effect], found, place(host))
