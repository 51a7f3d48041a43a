# SPDX-License-Identifier: Apache-2.0
"""What renderers ask of a host: its roles, fabrics and networks, each value with its origin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.device import HEAD
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import (
    BASE_SOURCE,
    DEFAULT,
    OWN,
    EffectiveRole,
    effective_roles,
    kernel_command_line,
)
from ibstack.cluster.model.modifications import parse
from ibstack.cluster.model.naming import the_object
from ibstack.cluster.model.value import NO_ADDRESS
from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibMode
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, DEFAULT_PARTITION, KeyRange, PartitionKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.inheritance import Effective
    from ibstack.cluster.model.modifications import Modification
    from ibstack.cluster.model.state import View
    from ibstack.cluster.model.value import Value

_BOOT_INTERFACE: Final = "BOOTIF"
"""Stands for whichever interface a node booted from, so it is no name that a file can have."""

_CONNECTED_MTU: Final = 65520
_SMALL_MTU: Final = 2044


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value, and the object and property that say so."""

    value: Value
    origin: str

    @property
    def text(self) -> str:
        return ",".join(self.value) if isinstance(self.value, tuple) else str(self.value)

    @property
    def words(self) -> tuple[str, ...]:
        return self.value if isinstance(self.value, tuple) else ()


def joined(parts: Iterable[SourcedValue], nothing: str = "") -> SourcedValue:
    """Return what an option with commas says of several: its elements, and all their origins.

    *nothing*: the origin where there are no parts.
    """
    found = tuple(parts)
    origins = dict.fromkeys(name for each in found for name in each.origin.split(" and "))
    return SourcedValue(",".join(each.text for each in found), " and ".join(origins) or nothing)


@dataclass(frozen=True, slots=True)
class Sourced:
    """An object of the top level, or an interface, and what it says."""

    entity: Entity

    @property
    def name(self) -> str:
        return self.entity.name

    @property
    def path(self) -> str:
        return str(self.entity.path)

    def __getitem__(self, prop: str) -> SourcedValue:
        property_ = KINDS[self.entity.path.kind].find(prop)
        assert property_ is not None, prop
        found = prop in self.entity.values
        value = self.entity.values[prop] if found else property_.default_for(self.name)
        default = "" if found else " (default)"
        return SourcedValue(value, f"{self.path}: {property_.label.lower()}{default}")


@dataclass(frozen=True, slots=True)
class Role:
    """A role that a host has, and what it says."""

    effective: EffectiveRole
    device: str

    @property
    def path(self) -> str:
        return self._at(self.effective.source)

    def __getitem__(self, prop: str) -> SourcedValue:
        found = self.effective.values[prop]
        property_ = KINDS["roles"].find(prop)
        assert property_ is not None, prop
        default = " (default)" if found.source == DEFAULT else ""
        owner = self.path if found.source == DEFAULT else self._at(found.source)
        return SourcedValue(found.value, f"{owner}: {property_.label.lower()}{default}")

    def modifications(self) -> Iterator[tuple[str, Modification]]:
        """Yield (object, modification) in their order."""
        for source, item in self.effective.modifications:
            yield self._at(source), parse(item)

    def _at(self, source: str) -> str:
        if source == BASE_SOURCE:
            return source.replace(":", "/", 1)
        owner = f"device/{self.device}" if source == OWN else source.replace(":", "/", 1)
        return f"{owner}/roles/{self.effective.name}"


@dataclass(frozen=True, slots=True)
class SegmentRange:
    """First and last segment or key, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, kind: str, said: SourcedValue) -> SegmentRange:
        first, _, last = said.text.partition(":")
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            raise BadValue(kind, said.text, f"expected FIRST:LAST, as 1:10 ({said.origin})")
        found = cls(int(first), int(last))
        if found.first > found.last:
            raise BadValue(kind, said.text, f"the first is above the last ({said.origin})")
        return found


def key_range(fabric: Sourced) -> SegmentRange:
    """Return the keys of tenants; BadValue for a range that reaches the default partition's."""
    found = SegmentRange.parse("key range", fabric["keyrange"])
    if not 0 < found.first <= found.last < DEFAULT_PARTITION.base:
        said = fabric["keyrange"]
        raise BadValue("key range", said.text, f"must be within 1:32766 ({said.origin})")
    return found


def owned_keys(fabrics: Sequence[Sourced]) -> SourcedValue:
    """Return one range that spans those of *fabrics*, without the keys that ibstack proves with."""
    ranges = [key_range(each) for each in fabrics]
    last = min(max(each.last for each in ranges), DEFAULT_OWNED_KEYS.last.base)
    owned = KeyRange(PartitionKey(min(each.first for each in ranges)), PartitionKey(last))
    return SourcedValue(str(owned), " and ".join(each["keyrange"].origin for each in fabrics))


def ipoib_mtu(fabric: Sourced) -> SourcedValue:
    """Return what a datagram of a tenant's may have, in bytes."""
    mode, partitions, mtu = fabric["mode"], fabric["partitions"], fabric["mtu"]
    if mode.value == IpoibMode.CONNECTED.value:
        return SourcedValue(_CONNECTED_MTU, mode.origin)
    if partitions.value == "fabricd":
        # ibstack-fabricd leaves the broadcast groups at OpenSM's 2048, whatever links carry.
        return SourcedValue(_SMALL_MTU, partitions.origin)
    return mtu


class Site:
    """What all hosts of one view of the cluster share; the view must not change meanwhile."""

    def __init__(self, view: View, *, modified: bool = True) -> None:
        """*modified*: with the config file modifications of roles."""
        self.view = view
        self.modified = modified
        self.written: dict[tuple[object, ...], tuple[GeneratedFile, ...]] = {}
        """What was rendered for hosts that are alike."""

    @cached_property
    def fabrics(self) -> tuple[Sourced, ...]:
        """All fabrics of the cluster."""
        return self._all("fabric")

    @cached_property
    def networks(self) -> tuple[Sourced, ...]:
        """All networks of the cluster."""
        return self._all("network")

    @cached_property
    def subnet_managers(self) -> frozenset[str]:
        """The devices that fabrics name as theirs."""
        return frozenset(name for each in self.fabrics for name in each["subnetmanagers"].words)

    def _all(self, kind: str) -> tuple[Sourced, ...]:
        return tuple(Sourced(each) for each in self.view.children(None, (kind,)))


class Host:
    """One device as renderers see it."""

    def __init__(self, site: Site, device: str) -> None:
        self.site = site
        self.view = site.view
        self.name = device
        path = EntityPath.of("device", device)
        self.device = Sourced(the_object(site.view, path, "generate the files of"))
        self.is_head = self.device.entity.type == HEAD
        self.told_own = False
        """Whether a renderer asked for what only this host has."""

    @cached_property
    def alike(self) -> tuple[object, ...]:
        """What hosts must share to have the same files, but for what `told_own` is about.

        Empty: there is none like it.
        """
        entity = self.device.entity
        if (
            self.is_head
            or self.name in self.site.subnet_managers
            or self.view.names("roles", entity.path)
        ):
            return ()
        named = bool(self._named_interfaces)
        return entity.type, entity.values.get("category", ""), named, self._boots_its_own

    @property
    def _boots_its_own(self) -> bool:
        return not {"kernelparameters", "softwareimage"}.isdisjoint(self.device.entity.values)

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The host's roles by name."""
        found = effective_roles(self.view, self.name)
        return {name: Role(role, self.name) for name, role in found.items()}

    @property
    def fabrics(self) -> tuple[Sourced, ...]:
        """All fabrics of the cluster."""
        return self.site.fabrics

    @cached_property
    def _named_interfaces(self) -> tuple[Sourced, ...]:
        return tuple(
            Sourced(each)
            for each in self.view.children(self.device.entity.path, ("interfaces",))
            if each.name != _BOOT_INTERFACE
        )

    def fabrics_of(self, role: Role) -> tuple[Sourced, ...]:
        """Return the fabric that *role* names; all of them where it names none."""
        wanted = role["fabric"].value
        return tuple(each for each in self.fabrics if not wanted or each.name == wanted)

    def networks_of_type(self, type_: str) -> tuple[Sourced, ...]:
        """Return the networks that OpenStack isolates as *type_*, which name a physical one."""
        return tuple(
            each
            for each in self.site.networks
            if each["openstacknetworktype"].value == type_
            and (type_ == "VXLAN" or each["openstackphysicalnetworkname"].value)
        )

    def interface_on(self, network: str, types: frozenset[str]) -> Sourced | None:
        """Return the interface of this host on *network*, of one of *types*; None for none."""
        if not network or not self._named_interfaces:
            return None
        self.told_own = True
        return next(
            (
                each
                for each in self._named_interfaces
                if each["network"].value == network and each.entity.type in types
            ),
            None,
        )

    def address_on(self, network: str) -> SourcedValue:
        """Return the address on *network*, or the device's own where it has none there."""
        self.told_own = True
        for each in self.view.children(self.device.entity.path, ("interfaces",)):
            told = Sourced(each)
            if network and told["network"].value == network and told["ip"].value != NO_ADDRESS:
                return told["ip"]
        return self.device["ip"]

    def kernel_command_line(self) -> Effective:
        """Return the kernel parameters that it boots with."""
        self.told_own = self.told_own or self._boots_its_own
        return kernel_command_line(self.view, self.name)

    def port_guids(self, device: str) -> tuple[str, ...]:
        """Return the GUIDs of a device's InfiniBand ports, as far as they are known."""
        path = EntityPath.of("device", device)
        found = (Sourced(each)["guid"].text for each in self.view.children(path, ("interfaces",)))
        return tuple(guid for guid in found if guid)

    def modifications(self, path: PurePosixPath) -> tuple[tuple[str, Modification], ...]:
        """Return (object, modification) of one file, of all roles of this host."""
        return self._modifications.get(path, ())

    @cached_property
    def _modifications(self) -> dict[PurePosixPath, tuple[tuple[str, Modification], ...]]:
        found: dict[PurePosixPath, tuple[tuple[str, Modification], ...]] = {}
        for role in self.roles.values() if self.site.modified else ():
            for each in role.modifications():
                found[each[1].path] = (*found.get(each[1].path, ()), each)
        return found
