# SPDX-License-Identifier: Apache-2.0
"""What several files say, and should say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.checks.neutron_names import AGENT_RANGES, SERVER_RANGES, ranges_of
from ibstack.cluster.lint.finding import Finding
from ibstack.formats.ini import NotIni

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, LintFile, Setting

_SERVER_KEYS: Final = ("infiniband", "owned_keys")
_FABRICD_KEYS: Final = ("fabric", "owned_keys")


def ranges(cloud: Cloud) -> Iterator[Finding]:
    """Yield physical networks that have one range at the server, and another with an agent."""
    said = [*cloud.of_key(SERVER_RANGES), *cloud.of_key(*AGENT_RANGES)]
    first: dict[str, Setting] = {}
    for setting in said:
        for network, found in ranges_of(setting).items():
            other = first.setdefault(network, setting)
            if found != ranges_of(other)[network]:
                yield _differing(network, setting, other)


def _differing(network: str, setting: Setting, other: Setting) -> Finding:
    return setting.finding(
        "ranges-differ",
        f"networks on {network} get segments from one range that are outside the other",
        f"give {network} one range in both files",
        value=_text(network, ranges_of(setting)[network]),
        other=other,
        other_value=_text(network, ranges_of(other)[network]),
    )


def owned_keys(cloud: Cloud) -> Iterator[Finding]:
    """Yield ranges of owned keys of Neutron's driver and of ibstack-fabricd that differ."""
    for server in cloud.of_key(_SERVER_KEYS):
        for fabricd in cloud.of_key(_FABRICD_KEYS):
            if server.value.lower() != fabricd.value.lower():
                yield fabricd.finding(
                    "owned-keys-differ",
                    "Neutron gives tenants keys that ibstack-fabricd leaves alone, or fabricd"
                    " takes keys away that are not Neutron's",
                    "give both the same range",
                    other=server,
                )


def with_the_cluster(cloud: Cloud) -> Iterator[Finding]:
    """Yield keys that a host's own file has otherwise than the cluster would write it."""
    for host in cloud.hosts:
        for path, generated in host.generated.items():
            file = host.files[path]
            if file is not generated and file.is_ini:
                yield from _compared(file, generated)


def _compared(file: LintFile, generated: LintFile) -> Iterator[Finding]:
    try:
        found = {each.at: each for each in file.settings()}
    except NotIni:
        return
    for wanted in generated.settings():
        present = found.get(wanted.at)
        if present is None or present.value != wanted.value:
            yield Finding(
                "differs-from-cluster",
                present.place if present else file.place,
                wanted.name,
                present.value if present else "(not there)",
                "the host does not do what the cluster's objects say, and the next commit that"
                " touches the file changes it",
                "let the cluster write it, change the objects, or freeze the file",
                wanted.place,
                wanted.value,
            )


def _text(network: str, said: frozenset[str]) -> str:
    return ",".join(f"{network}:{each}" for each in sorted(said)) or network
