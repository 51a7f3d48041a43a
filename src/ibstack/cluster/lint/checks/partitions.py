# SPDX-License-Identifier: Apache-2.0
"""Who is in which partition, as the subnet manager's own files say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ClusterShell.RangeSet import RangeSet

from ibstack.cluster.lint.checks.neutron_names import SERVER_RANGES, fabrics, ranges_of
from ibstack.cluster.lint.finding import Finding, Severity
from ibstack.cluster.lint.opensm_files import named_partitions, told, usual_partitions
from ibstack.cluster.lint.partitions_file import DEFAULT_KEY, definitions
from ibstack.opensm.built_in import ETC_OPENSM
from ibstack.opensm.configuration import BOTH_PKEYS, PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile, Setting
    from ibstack.cluster.lint.finding import Place
    from ibstack.cluster.lint.partitions_file import Definition

_FABRICD: Final = "/etc/ibstack/fabricd.conf"
_WRITTEN: Final = ("fabric", "partitions_conf")
_MLX4: Final = "/etc/modprobe.d/mlx4_core.conf"
_SHOWN: Final = 90


def keys_outside(cloud: Cloud) -> Iterator[Finding]:
    """Yield ranges of InfiniBand networks with keys that a static partitions.conf does not have."""
    names = fabrics(cloud)
    for _, file in _static(cloud):
        known = {each.key for each in definitions(file)}
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
        for each in definitions(file):
            if each.key == DEFAULT_KEY and each.everybody_full:
                yield _open(
                    "default-partition-open",
                    each,
                    "every tenant with a VF reaches every other, and every host, in the default"
                    " partition: two full members talk to each other",
                    "make ALL limited, and full only the hosts that must reach all others",
                )


def open_to_all(cloud: Cloud) -> Iterator[Finding]:
    """Yield files with tenants' partitions of which every host is a member."""
    for _, file in _static(cloud):
        tenants = [each for each in definitions(file) if each.key != DEFAULT_KEY and each.everybody]
        if tenants:
            finding = _open(
                "partition-open",
                tenants[0],
                "every host and every guest with a VF may join these tenants' networks: partitions"
                " keep nobody apart",
                "let ibstack-fabricd admit the tenants' ports alone, or name their GUIDs",
                Severity.WARNING,
            )
            keys = sorted({each.key for each in tenants})
            yield replace(finding, key=f"keys {RangeSet.fromlist(map(str, keys))}")


def _open(
    id_: str, each: Definition, breaks: str, remedy: str, severity: Severity = Severity.ERROR
) -> Finding:
    text = each.text if len(each.text) <= _SHOWN else f"{each.text[:_SHOWN]}…"
    return Finding(id_, each.place, f"0x{each.key:04x}", text, breaks, remedy, severity=severity)


def both_forms(cloud: Cloud) -> Iterator[Finding]:
    """Yield subnet managers that give ports both forms of a key where no adapter needs that."""
    needed = any(True for _ in cloud.files_at(_MLX4))
    for host in cloud.hosts:
        ours = _FABRICD in host.files
        for opensm in told(host.files) if ours or not needed else ():
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
            found.update(range(int(first), min(int(last), DEFAULT_KEY) + 1))
    return found
