# SPDX-License-Identifier: Apache-2.0
"""How many VFs each adapter is to have: mlx4_core's num_vfs, and what else asks for any.

Sources: ibstack.formats.mlx4_options and ibstack.formats.vf_requests.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import UNIT_FILES, Missing
from ibstack.facts.host.adapter_facts import adapter_facts, serves_guests
from ibstack.facts.host.module_options import FOLDER, host_files, options
from ibstack.facts.host.pci_devices import functions, physical
from ibstack.facts.host.vfs_made import vfs_made
from ibstack.formats import mlx4_options
from ibstack.formats.adapter_match import fits, names_one
from ibstack.formats.pci_ids import MLX4
from ibstack.formats.vf_requests import vf_requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.evidence import Evidence
    from ibstack.formats.adapter_match import AdapterFacts
    from ibstack.formats.vf_request import VfRequest

_RULES: Final = "etc/udev/rules.d"
PLACES: Final = f"/{FOLDER}, /{_RULES}"
_UNIT_STATE: Final = re.compile(r"^\s*(\S+\.\w+)\s+([a-z-]+)", re.M)
_OFF: Final = {"masked", "masked-runtime"}
_ON: Final = {"enabled", "enabled-runtime"}


class Certainty(enum.IntEnum):
    """How sure it is that this adapter is meant, and that the host acts on it."""

    POSSIBLE = 0
    """It may mean another adapter."""
    LIKELY = 1
    """It means this one among several, or nothing shows that the host runs it."""
    CERTAIN = 2


@dataclass(frozen=True, slots=True)
class ConfiguredVfs:
    """How many one adapter is to have, and the file that says so."""

    count: int
    place: str
    """Empty: no file asks for any."""
    certainty: Certainty = Certainty.CERTAIN


def configured(host: Evidence) -> dict[str, ConfiguredVfs | Missing] | Missing:
    """Return how many VFs each physical function is to have, by its PCI address."""
    core = options(host, "mlx4_core")
    if isinstance(core, Missing):
        return Missing(f"/{FOLDER}: {core.why}")
    adapters, asked = adapter_facts(host), _requests(host)
    of_mlx4 = {each.pci for each in physical(host) if each.driver == MLX4}
    of_others = [adapter for pci, adapter in adapters.items() if pci not in of_mlx4]
    num_vfs = core.get("num_vfs")
    found: dict[str, ConfiguredVfs | Missing] = {}
    for pci, adapter in adapters.items():
        if pci in of_mlx4 and num_vfs and num_vfs.value:
            found[pci] = _num_vfs(pci, num_vfs.value, num_vfs.file)
        elif not _rules_collected(host):
            found[pci] = Missing(f"/{_RULES} was not collected")
        elif pci in of_mlx4:
            # mlx4 makes no VFs through sriov_numvfs, so an open rule is not meant for it.
            exact = [each for each in asked if names_one(each.when)]
            found[pci] = _of_requests(exact, adapter, adapters.values())
        else:
            found[pci] = _of_requests(asked, adapter, of_others)
    return found


def wants_vfs(host: Evidence) -> bool | None:
    """Tell whether the host has VFs or is to have any; None: not known."""
    listed = functions(host)
    there = () if isinstance(listed, Missing) else listed[0]
    if serves_guests(host) or any(each.virtual for each in there):
        return True
    if any(made.count for made in vfs_made(host)):
        return True
    asked = configured(host)
    answers = [] if isinstance(asked, Missing) else list(asked.values())
    is_open = isinstance(listed, Missing) or isinstance(asked, Missing)
    if _asks_at_all(host) and (is_open or any(map(_may_want, answers))):
        return True
    # What is made by other means than these files, lspci shows.
    return None if isinstance(listed, Missing) else False


def _may_want(asked: ConfiguredVfs | Missing) -> bool:
    return isinstance(asked, Missing) or asked.count > 0


def _asks_at_all(host: Evidence) -> bool:
    """Tell whether anything asks for VFs of an adapter that may be there."""
    core = options(host, "mlx4_core")
    num_vfs = None if isinstance(core, Missing) else core.get("num_vfs")
    has_number = num_vfs is not None and bool(num_vfs.value.strip("0,"))
    return has_number or any(each.count != 0 for each in _requests(host))


def _rules_collected(host: Evidence) -> bool:
    return _RULES in host.folders or bool(host.matching(f"{_RULES}/*.rules"))


def _num_vfs(pci: str, value: str, place: str) -> ConfiguredVfs | Missing:
    numbers = mlx4_options.parse(value)
    if numbers is None:
        return Missing(f"num_vfs={value} in {place} is not understood")
    return ConfiguredVfs(sum(numbers.of(pci) or ()), place)


def _requests(host: Evidence) -> list[VfRequest]:
    """Return what asks for VFs, without what is masked."""
    text = host.text(UNIT_FILES)
    states = dict(_UNIT_STATE.findall(text)) if isinstance(text, str) else {}
    found = (each for each in vf_requests(host_files(host)) if states.get(each.unit) not in _OFF)
    return [replace(e, acts=True) if states.get(e.unit) in _ON else e for e in found]


def _of_requests(
    requests: Iterable[VfRequest], adapter: AdapterFacts, adapters: Iterable[AdapterFacts]
) -> ConfiguredVfs | Missing:
    others = [each for each in adapters if each.pci != adapter.pci]
    by_certainty: dict[Certainty, list[VfRequest]] = {}
    for each in requests:
        certainty = _certainty(each, adapter, others)
        if certainty is not None:
            by_certainty.setdefault(certainty, []).append(each)
    if not by_certainty:
        return ConfiguredVfs(0, "")
    certainty = max(by_certainty)
    return _agreed(by_certainty[certainty], certainty)


def _certainty(
    request: VfRequest, adapter: AdapterFacts, others: Iterable[AdapterFacts]
) -> Certainty | None:
    """Return how sure it is that *request* is about *adapter*; None: it is not."""
    fitting = _is_about(request, adapter)
    if fitting is False:
        return None
    if fitting is None:
        return Certainty.POSSIBLE
    alone = names_one(request.when) or not any(
        _is_about(request, each) is not False for each in others
    )
    return Certainty.CERTAIN if request.acts and alone else Certainty.LIKELY


def _is_about(request: VfRequest, adapter: AdapterFacts) -> bool | None:
    fitting = fits(request.when, adapter)
    for exception in request.unless:
        left_out = fits(exception, adapter, request.when)
        if left_out:
            return False
        if left_out is None and fitting:
            fitting = None
    return fitting


def _agreed(requests: list[VfRequest], certainty: Certainty) -> ConfiguredVfs | Missing:
    """Return the number that all of them ask for; 0 is what is written before another number."""
    counts = {each.count for each in requests} - {0}
    places = ", ".join(dict.fromkeys(each.file for each in requests))
    if None in counts:
        return Missing(f"{places}: how many VFs it asks for is not understood")
    if len(counts) > 1:
        numbers = ", ".join(str(each) for each in sorted(filter(None, counts)))
        return Missing(f"{places}: it asks for {numbers}")
    return ConfiguredVfs(max(filter(None, counts), default=0), places, certainty)
