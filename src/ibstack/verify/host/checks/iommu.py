# SPDX-License-Identifier: Apache-2.0
"""The IOMMU, through which VFs are given to guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import CMDLINE, shown
from ibstack.facts.host.iommu import AMD, INTEL, Architecture, architecture, cpu_vendor, iommu
from ibstack.formats.kernel_words import parameters
from ibstack.verify.check import Observation, rule
from ibstack.verify.selectors import each_vf_host, on_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence

_OPTIONS: Final = ("intel_iommu", "amd_iommu", "iommu")
_FOREIGN: Final = {INTEL: ("amd_iommu",), AMD: ("intel_iommu",)}
"""What a processor's kernel does not heed."""
# `iommu=` is x86's and POWER's.
_HEEDED: Final = {Architecture.ARM: (), Architecture.POWER: ("iommu",), Architecture.OTHER: ()}
_WHERE: Final = "the kernel parameters of the host's image, and restart the host"


# Sources: kernel Documentation/admin-guide/kernel-parameters.txt; parse_amd_iommu_options() of
# drivers/iommu/amd/init.c, which knows no `on`, and intel_iommu_setup() of drivers/iommu/intel;
# CONFIG_INTEL_IOMMU_DEFAULT_ON.
@rule(
    "iommu-asked",
    "the kernel's parameters let it use the IOMMU",
    "no iommu=off, intel_iommu=off or amd_iommu=off; intel_iommu=on where Intel's is off without",
    f"add intel_iommu=on (AMD needs no word) to {_WHERE}",
    rank=1,
)
@each_vf_host
@on_text(CMDLINE)
def iommu_asked(host: Evidence, text: str) -> Iterator[Observation]:
    """VFs are given to guests through the IOMMU, which a kernel's parameters can keep off."""
    yield _judged(host, _asked(host, text))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line says of the IOMMU."""

    said: str
    off: tuple[str, ...]
    """The words that keep it off here."""
    intel_on: bool


def _asked(host: Evidence, text: str) -> _Asked:
    pairs = [(name, value or "") for name, value in parameters(text) if name in _OPTIONS]
    # Each is heard in turn: of Intel's the last of on and off counts, of the others any off does.
    intel = [w for name, v in pairs if name == "intel_iommu" for w in v.split(",")]
    switches = [word for word in intel if word in {"on", "off"}]
    heeded = _heeded(host)
    off = [name for name, value in pairs if name != "intel_iommu" and "off" in value.split(",")]
    off += ["intel_iommu"] if switches[-1:] == ["off"] else []
    return _Asked(
        " ".join(f"{name}={value}" for name, value in pairs),
        tuple(f"{name}=off" for name in _OPTIONS if name in off and name in heeded),
        switches[-1:] == ["on"],
    )


def _heeded(host: Evidence) -> tuple[str, ...]:
    kind = architecture(host)
    if kind in _HEEDED:
        return _HEEDED[kind]
    foreign = _FOREIGN.get(cpu_vendor(host) or "", ())
    return tuple(name for name in _OPTIONS if name not in foreign)


def _judged(host: Evidence, asked: _Asked) -> Observation:
    known = iommu(host)
    found = asked.said or "nothing of an IOMMU"
    if known.on:
        return Observation(host.host, True, f"{found}; {known.found}", shown(CMDLINE))
    if asked.off:
        remedy = f"take {', '.join(asked.off)} out of {_WHERE}"
        return Observation(host.host, False, found, shown(CMDLINE), "", "no such word", remedy)
    if asked.intel_on or not _wants_a_word(host):
        # AMD's and ARM's are on unless they are told not to be: where not, look at the firmware.
        return Observation(host.host, True, found, shown(CMDLINE))
    if known.on is None:
        why = f"{found}; whether this kernel uses an IOMMU of itself is not seen"
        return Observation(host.host, None, why, shown(CMDLINE))
    return Observation(host.host, False, f"{found}; {known.found}", shown(CMDLINE))


def _wants_a_word(host: Evidence) -> bool:
    """Tell whether the kernel may need to be asked: Intel's, or what may be Intel's."""
    if architecture(host) not in (Architecture.X86, None):
        return False
    return cpu_vendor(host) in (INTEL, None)


@rule(
    "iommu-on",
    "the IOMMU is on",
    "an IOMMU in /sys/class/iommu",
    "switch VT-d (AMD: IOMMU, SVM) on in the firmware setup of the host; Intel's wants"
    " intel_iommu=on for many kernels as well",
)
@each_vf_host
def iommu_on(host: Evidence) -> Iterator[Observation]:
    """The article's `dmesg | grep -e DMAR -e IOMMU`: the IOMMU is on, so VFs can go to guests."""
    known = iommu(host)
    yield Observation(host.host, known.on, known.found, known.source)
