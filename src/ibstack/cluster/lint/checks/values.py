# SPDX-License-Identifier: Apache-2.0
"""Values that are not what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.checks.neutron_names import COMMENT
from ibstack.cluster.lint.finding import Finding, Severity
from ibstack.cluster.lint.known_files import Reader, names, options_of, readers
from ibstack.formats import eswitchd_conf
from ibstack.formats.ini import NotIni

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, Setting

_PLAIN_READERS: Final = frozenset({Reader.ESWITCHD})
"""They read with configparser, which keeps quotes; all others by oslo.config."""
_JSON: Final = ("{", "[")
_QUOTES: Final = "\"'"


def unreadable(cloud: Cloud) -> Iterator[Finding]:
    """Yield each line of an ini file that makes its readers refuse all of it."""
    for host in cloud.hosts:
        for file in host.files.values():
            try:
                if file.is_ini:
                    file.settings()
            except NotIni as error:
                for line, what in error.faults:
                    yield Finding(
                        "not-an-ini-file",
                        file.at_line(line),
                        "",
                        what,
                        "whatever reads the file refuses all of it and does not start",
                        "mend the line",
                    )


def comments(cloud: Cloud) -> Iterator[Finding]:
    """Yield values that end in what somebody meant as a comment."""
    for setting in _all(cloud):
        if not setting.value.startswith(_JSON) and COMMENT.search(setting.value):
            yield setting.finding(
                "comment-in-value",
                "ini files have no comments behind values: the comment is a part of the value",
                "move the comment to a line of its own",
            )


def quotes(cloud: Cloud) -> Iterator[Finding]:
    """Yield values in which a quote is left when their program has read them."""
    for setting in _all(cloud):
        path = setting.place.file
        is_read = setting.at in options_of(path) or setting.key in names(path)
        if is_read and not setting.value.startswith(_JSON) and _quoted(setting):
            yield setting.finding(
                "quotes-in-value",
                "the quotes are a part of the value, so that it names nothing that there is",
                "take the quotes away",
                value=setting.written,
                severity=Severity.WARNING,
            )


def _quoted(setting: Setting) -> bool:
    plain = readers(setting.place.file) <= _PLAIN_READERS
    if plain and setting.at in eswitchd_conf.MAPPING_KEYS:
        left = eswitchd_conf.items(setting.written)
        return any(quote in item for item in left for quote in _QUOTES)
    value = setting.written if plain else setting.value
    parts = (each.strip() for each in value.split(","))
    return any(part and (part[0] in _QUOTES or part[-1] in _QUOTES) for part in parts)


def _all(cloud: Cloud) -> Iterator[Setting]:
    return (setting for host in cloud.hosts for setting in host.settings)
