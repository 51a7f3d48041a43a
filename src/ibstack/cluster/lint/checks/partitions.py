# SPDX-License-Identifier: Apache-2.0
"""Who is in which partition, as the subnet manager's own files say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ClusterShell.RangeSet import RangeSet

from ibstack.cluster.lint.checks.neutron_names import SERVER_RANGES, fabrics, ranges_of
from ibstack.cluster.lint.finding import Finding, Severity
from ibstack.cluster.lint.opensm_files import configured_opensms, named_partitions, usual_partitions
from ibstack.fabric.partition import DEFAULT_PARTITION
from ibstack.formats.opensm.built_in import ETC_OPENSM
from ibstack.formats.opensm.configuration import BOTH_PKEYS, PARTITIONS
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.remark import Effect
from ibstack.formats.partitions_conf.statement import Keyword, MembershipFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile, Setting
    from ibstack.cluster.lint.finding import Place
    from ibstack.formats.partitions_conf.remark import Remark
    from ibstack.formats.partitions_conf.statement import Statement

_FABRICD: Final = "/etc/ibstack/fabricd.conf"
_WRITTEN: Final = ("fabric", "partitions_conf")
_MLX4: Final = "/etc/modprobe.d/mlx4_core.conf"
_SHOWN: Final = 90
_EVERYBODY: Final = (Keyword.ALL, Keyword.ALL_CAS)


@dataclass(frozen=True, slots=True)
class _Odd:
    """What is said of lines that have one effect."""

    id: str
    breaks: str
    severity: Severity


_EFFECTS: Final = {
    Effect.REFUSED: _Odd(
        "partitions-refused",
        "OpenSM refuses the whole file and makes every port a full member of the default"
        " partition: every tenant with a VF reaches every other, and every host",
        Severity.ERROR,
    ),
    Effect.NOT_KNOWN: _Odd(
        "partitions-not-known",
        "what OpenSM makes of this line depends on what it read before, and it may refuse the file",
        Severity.ERROR,
    ),
    Effect.OTHERWISE: _Odd(
        "partitions-otherwise",
        "OpenSM takes this line for something else than stands there",
        Severity.WARNING,
    ),
}


def read_otherwise(cloud: Cloud) -> Iterator[Finding]:
    """Yield lines for which OpenSM refuses a file, or which it takes for something else."""
    for _, file in _static(cloud):
        remarks = read(file.content).remarks
        told: dict[tuple[int, Effect], list[str]] = {}
        for remark in remarks:
            if remark.effect in _effects(remarks):
                told.setdefault((remark.line, remark.effect), []).append(remark.what)
        for (line, effect), whats in told.items():
            odd, place, text = _EFFECTS[effect], file.at_line(line), _text(file, line)
            remedy = f"mend line {line}: {'; '.join(whats)}"
            yield Finding(odd.id, place, "", text, odd.breaks, remedy, severity=odd.severity)


def _effects(remarks: Iterable[Remark]) -> set[Effect]:
    """Return what is told of: where OpenSM refuses a file, nothing else counts."""
    found = {remark.effect for remark in remarks} & _EFFECTS.keys()
    return {Effect.REFUSED} if Effect.REFUSED in found else found


def keys_outside(cloud: Cloud) -> Iterator[Finding]:
    """Yield ranges of InfiniBand networks with keys that a static partitions.conf does not have."""
    names = fabrics(cloud)
    for _, file in _static(cloud):
        known = {each.key.base for each in read(file.content).statements}
        for setting in cloud.of_key(SERVER_RANGES):
            for network, said in ranges_of(setting).items():
                lost = sorted(_keys(said) - known) if network in names else []
                if lost:
                    yield _outside(setting, network, lost, file)


def _outside(setting: Setting, network: str, lost: list[int], file: LintFile) -> Finding:
    named = f"0x{lost[0]:04x}" + (f" and {len(lost) - 1} more" if lost[1:] else "")
    return Finding(
        "key-outside-partitions",
        setting.place,
        setting.name,
        setting.value,
        f"a network on {network} that gets key {named} reaches nobody: no port has that key",
        "define these partitions, or make the range smaller",
        file.place,
        "",
    )


def open_default(cloud: Cloud) -> Iterator[Finding]:
    """Yield definitions that make every host a full member of the default partition."""
    for _, file in _static(cloud):
        everybody = [
            (each, member.membership_flag)
            for each in read(file.content).statements
            for member in each.members
            if each.key == DEFAULT_PARTITION and member.who in _EVERYBODY
        ]
        # The last word on all of them counts.
        if everybody and everybody[-1][1] is not MembershipFlag.LIMITED:
            yield _open(
                "default-partition-open",
                file,
                everybody[-1][0],
                "every tenant with a VF reaches every other, and every host, in the default"
                " partition: two full members talk to each other",
                "make ALL limited, and full only the hosts that must reach all others",
            )


def open_to_all(cloud: Cloud) -> Iterator[Finding]:
    """Yield files with tenants' partitions of which every host is a member."""
    for _, file in _static(cloud):
        tenants = [
            each
            for each in read(file.content).statements
            if each.key != DEFAULT_PARTITION
            and any(member.who in _EVERYBODY for member in each.members)
        ]
        if tenants:
            finding = _open(
                "partition-open",
                file,
                tenants[0],
                "every host and every guest with a VF may join these tenants' networks: partitions"
                " keep nobody apart",
                "let ibstack-fabricd admit the tenants' ports alone, or name their GUIDs",
                Severity.WARNING,
            )
            keys = sorted({each.key.base for each in tenants})
            yield replace(finding, key=f"keys {RangeSet.fromlist(map(str, keys))}")


def _open(
    id_: str,
    file: LintFile,
    each: Statement,
    breaks: str,
    remedy: str,
    severity: Severity = Severity.ERROR,
) -> Finding:
    place, text = file.at_line(each.line), _text(file, each.line)
    return Finding(id_, place, str(each.key), text, breaks, remedy, severity=severity)


def _text(file: LintFile, line: int) -> str:
    text = file.content.split(b"\n")[line - 1].decode("utf-8", "replace").strip().removesuffix(";")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def both_forms(cloud: Cloud) -> Iterator[Finding]:
    """Yield subnet managers that give ports both forms of a key where no adapter needs that."""
    needed = any(True for _ in cloud.files_at(_MLX4))
    for host in cloud.hosts:
        ours = _FABRICD in host.files
        for opensm in configured_opensms(host.files) if ours or not needed else ():
            if opensm.options.both_pkeys() and opensm.file is not None:
                yield Finding(
                    "both-forms-of-keys",
                    _line_of(opensm.file, BOTH_PKEYS),
                    "allow_both_pkeys",
                    "TRUE",
                    "it moves the default partition's key away from index 0, and IPoIB of the"
                    " hosts is then without one",
                    "write allow_both_pkeys FALSE",
                    severity=Severity.ERROR if ours else Severity.WARNING,
                )


def not_collected(cloud: Cloud) -> Iterator[Finding]:
    """Yield partitions files that an OpenSM reads, and that are not among the files."""
    for host in cloud.hosts:
        for path, by in named_partitions(host.files).items():
            if path not in host.files and path != _own(host) and by is not None:
                yield Finding(
                    "partitions-not-collected",
                    _line_of(by, PARTITIONS),
                    PARTITIONS,
                    path,
                    "whether it opens the fabric is not known",
                    f"collect it too, as {host.name}/{path.lstrip('/')}",
                    severity=Severity.WARNING,
                )


def _static(cloud: Cloud) -> Iterator[tuple[HostConfiguration, LintFile]]:
    """Yield the files that a person, or the cluster, keeps; ibstack-fabricd's own are proved."""
    for host in cloud.hosts:
        own = _own(host)
        usual = usual_partitions(host.files) if own is None else []
        for path in dict.fromkeys([*named_partitions(host.files), *usual]):
            if path in host.files and path != own:
                yield host, host.files[path]


def _own(host: HostConfiguration) -> str | None:
    """Return the path of the file that ibstack-fabricd writes; None where it does not run."""
    if _FABRICD not in host.files:
        return None
    said = [each.value for each in host.of_key(_WRITTEN) if each.place.file == _FABRICD]
    return said[-1] if said else ETC_OPENSM.partitions


def _line_of(file: LintFile, option: str) -> Place:
    """Return the place of the last line that sets an option of OpenSM; else of the whole file."""
    found = [place for place, line in file.lines() if line.split()[0] == option]
    return found[-1] if found else file.place


def _keys(said: frozenset[str]) -> set[int]:
    found: set[int] = set()
    for each in said:
        first, _, last = each.partition(":")
        if first.isdecimal() and last.isdecimal():
            found.update(range(int(first), min(int(last), DEFAULT_PARTITION.base) + 1))
    return found
