# SPDX-License-Identifier: Apache-2.0
"""What one check says of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.facts.evidence import Evidence
from ibstack.facts.site import Site
from ibstack.verify.check import run
from ibstack.verify.registry import Scope, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.facts.evidence import Missing
    from ibstack.verify.check import Check

FOLDERS = frozenset({"etc", "etc/ibstack", "etc/modprobe.d", "etc/udev/rules.d", "etc/opensm"})


def host_with(texts: Mapping[str, str | Missing], name: str = "node002") -> Evidence:
    """Return a host whose folders were collected, with *texts* in them."""
    return Evidence(name, texts, FOLDERS)


def said_by(check: str, site: Site | Evidence) -> list[Check]:
    """Return every answer of the check with this id."""
    here = Site({site.host: site}) if isinstance(site, Evidence) else site
    (rule,) = [rule for scope in Scope for rule in rules(scope) if rule.id == check]
    return run(rule, here)
