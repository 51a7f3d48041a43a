# SPDX-License-Identifier: Apache-2.0
"""Interface drivers of Neutron's DHCP and L3 agents: `ipoib` and `multi`.

Both have the signatures of neutron.agent.linux.interface, the same on Neutron 26 to 29.  Trouble is
raised: the agents log it and try again.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from neutron.agent.linux import interface, ip_lib
from neutron_lib.utils import runtime
from pyroute2.netlink.exceptions import NetlinkError

from ibstack.fabric.errors import BadValue, IbstackError, Refused
from ibstack.neutron.agents import ipoib_link
from ibstack.neutron.agents.interface_networks import Networks
from ibstack.neutron.agents.interface_options import read_interface_settings
from ibstack.neutron.agents.ipoib_choice import ParentChoice
from ibstack.neutron.agents.ipoib_link import LinkFailed, link_local
from ibstack.neutron.agents.ipoib_parent import Parents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.partition import TableEntry
    from ibstack.neutron.agents.interface_networks import ServedNetwork

LOG = logging.getLogger(__name__)

_DRIVERS: Final = "neutron.interface_drivers"
# The alias of an interface says what it was made as, so that a leftover of a crash can be judged.
_MARK: Final = "ibstack"


class IpoibInterfaceDriver(interface.LinuxInterfaceDriver):
    """Plugs the DHCP and router ports of InfiniBand networks into children of an adapter."""

    def __init__(self, conf: Any, get_networks_callback: Any = None, **kwargs: Any) -> None:
        super().__init__(conf, **kwargs)
        self.settings = read_interface_settings(conf)
        self.networks = Networks(self.settings.interfaces, get_networks_callback)
        self.parents = Parents(self.settings.sysfs)
        self.choice = ParentChoice(self.parents, self.settings.pkey_wait_s)

    def make_link(self, parent: str, name: str, entry: TableEntry) -> None:
        """Make the interface *name* in the root namespace: all that needs an InfiniBand kernel."""
        ipoib_link.make_child(parent, name, entry, self.settings.mode)

    def plug(
        self,
        network_id: str,
        port_id: str,
        device_name: str,
        mac_address: str,
        bridge: str | None = None,
        namespace: str | None = None,
        prefix: str | None = None,
        mtu: int | None = None,
    ) -> None:
        """Have *device_name* in *namespace*: an interface that is there is kept if it is right."""
        wanted = self._wanted(network_id, device_name)
        if not self._adopt(device_name, namespace, wanted):
            parent = self.choice.choose(wanted, device_name)
            with _doing(f"plug {device_name} into network {network_id}"):
                self._make(parent, device_name, wanted.entry)
        self._settle(device_name, namespace, mtu)

    def plug_new(self, *args: Any, **kwargs: Any) -> None:
        self.plug(*args, **kwargs)

    def unplug(
        self,
        device_name: str,
        bridge: str | None = None,
        namespace: str | None = None,
        prefix: str | None = None,
    ) -> None:
        """Remove *device_name*; what is not there, or not ours in the root namespace, stays so."""
        for place in dict.fromkeys((namespace, None)):
            if place == namespace or self.owns(device_name, place):
                _remove(device_name, place)

    def init_l3(
        self,
        device_name: str,
        ip_cidrs: Any,
        namespace: str | None = None,
        preserve_ips: Any = None,
        clean_connections: bool = False,
    ) -> None:
        """Give the interface its addresses, and keep its own link-local one.

        Neutron works that one out from a hardware address of 6 bytes, which pyroute2 cuts out of
        IPoIB's 20, and would delete the real one.
        """
        kept = [*(preserve_ips or ()), *self._link_local(device_name, namespace)]
        super().init_l3(
            device_name,
            ip_cidrs,
            namespace=namespace,
            preserve_ips=kept,
            clean_connections=clean_connections,
        )

    def set_mtu(
        self, device_name: str, mtu: int, namespace: str | None = None, prefix: str | None = None
    ) -> None:
        """Set the MTU, which the base class only talks about."""
        with _doing(
            f"set the MTU of {device_name} to {mtu}, which {self.settings.mode.value} mode and "
            "the fabric must allow"
        ):
            ip_lib.IPDevice(device_name, namespace=namespace).link.set_mtu(mtu)

    def owns(self, device_name: str, namespace: str | None) -> bool:
        """Return whether the interface is there and was made here."""
        kind, alias = _kind_and_alias(device_name, namespace)
        return kind == ipoib_link.KIND or alias.startswith(f"{_MARK} ")

    def _wanted(self, network_id: str, device_name: str) -> ServedNetwork:
        try:
            wanted = self.networks.wanted(network_id)
        except BadValue as error:
            raise Refused(
                f"cannot plug {device_name} into network {network_id}: {error}"
            ) from error
        if wanted is None:
            raise Refused(
                f"cannot plug {device_name} into network {network_id}: no interface is mapped to "
                "its physical network; mend [ipoib] physical_interface_mappings"
            )
        return wanted

    def _adopt(self, device_name: str, namespace: str | None, wanted: ServedNetwork) -> bool:
        """Keep what a former run of the agent left, if it is right; remove it otherwise."""
        right = {self._mark(name, wanted.entry) for name in self.choice.usable(wanted)}
        found = False
        for place in dict.fromkeys((namespace, None)):
            if not ip_lib.device_exists(device_name, namespace=place):
                continue
            _, alias = _kind_and_alias(device_name, place)
            if not found and alias in right:
                found = True
                LOG.info("interface %s is there already and is kept", device_name)
            else:
                LOG.info("interface %s was made as %r, and is replaced", device_name, alias)
                _remove(device_name, place)
        return found

    def _make(self, parent: str, name: str, entry: TableEntry) -> None:
        self.make_link(parent, name, entry)
        try:
            ip_lib.IPDevice(name).link.set_alias(self._mark(parent, entry))
        except BaseException:
            _remove(name, None)
            raise
        LOG.info("interface %s is a child of %s with P_Key %s", name, parent, entry)

    def _settle(self, name: str, namespace: str | None, mtu: int | None) -> None:
        """Move the interface to where the agent wants it, if it is not there, and set it up."""
        with _doing(f"move interface {name} to network namespace {namespace}"):
            if namespace and ip_lib.device_exists(name):
                place = ip_lib.IPWrapper().ensure_namespace(namespace)
                place.add_device_to_namespace(ip_lib.IPDevice(name))
        if mtu:
            self.set_mtu(name, mtu, namespace=namespace)
        with _doing(f"set interface {name} up"):
            ip_lib.IPDevice(name, namespace=namespace).link.set_up()

    def _mark(self, parent: str, entry: TableEntry) -> str:
        return f"{_MARK} {parent} {entry} {self.settings.mode.value}"

    def _link_local(self, device_name: str, namespace: str | None) -> list[str]:
        _, alias = _kind_and_alias(device_name, namespace)
        parent = alias.split()[1] if alias.startswith(f"{_MARK} ") else None
        guid = None if parent is None else self.parents.guid(parent)
        return [] if guid is None else [link_local(guid)]


class MultiInterfaceDriver(interface.LinuxInterfaceDriver):
    """`ipoib` for networks of mapped physical networks, the site's ordinary driver for others."""

    ipoib_driver: type[IpoibInterfaceDriver] = IpoibInterfaceDriver

    def __init__(self, conf: Any, get_networks_callback: Any = None, **kwargs: Any) -> None:
        super().__init__(conf, **kwargs)
        self.ipoib = self.ipoib_driver(conf, get_networks_callback=get_networks_callback)
        chosen = self.ipoib.settings.ordinary_driver
        self.ordinary = runtime.load_class_by_alias_or_classname(_DRIVERS, chosen)(
            conf, get_networks_callback=get_networks_callback
        )
        # One name for a port, whoever plugs it: the agents look for stale interfaces by it.
        self.DEV_NAME_PREFIX = self.ordinary.DEV_NAME_PREFIX

    def plug(self, network_id: str, *args: Any, **kwargs: Any) -> None:
        self._for_network(network_id).plug(network_id, *args, **kwargs)

    def plug_new(self, network_id: str, *args: Any, **kwargs: Any) -> None:
        self._for_network(network_id).plug_new(network_id, *args, **kwargs)

    def unplug(
        self,
        device_name: str,
        bridge: str | None = None,
        namespace: str | None = None,
        prefix: str | None = None,
    ) -> None:
        driver = self._for_device(device_name, namespace)
        driver.unplug(device_name, bridge=bridge, namespace=namespace, prefix=prefix)

    def init_l3(
        self,
        device_name: str,
        ip_cidrs: Any,
        namespace: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        driver = self._for_device(device_name, namespace)
        driver.init_l3(device_name, ip_cidrs, namespace, *args, **kwargs)

    def set_mtu(
        self, device_name: str, mtu: int, namespace: str | None = None, prefix: str | None = None
    ) -> None:
        driver = self._for_device(device_name, namespace)
        driver.set_mtu(device_name, mtu, namespace=namespace, prefix=prefix)

    def _for_network(self, network_id: str) -> Any:
        return self.ordinary if self.ipoib.networks.wanted(network_id) is None else self.ipoib

    def _for_device(self, device_name: str, namespace: str | None) -> Any:
        places = dict.fromkeys((namespace, None))
        ours = any(self.ipoib.owns(device_name, place) for place in places)
        return self.ipoib if ours else self.ordinary


def _kind_and_alias(device_name: str, namespace: str | None) -> tuple[str, str]:
    """Return the link kind and the alias of an interface; empty where there is none."""
    if not ip_lib.device_exists(device_name, namespace=namespace):
        return "", ""
    try:
        found = ip_lib.IPDevice(device_name, namespace=namespace).link.attributes
    except ip_lib.NetworkInterfaceNotFound:
        return "", ""
    return found["link_kind"] or "", found["alias"] or ""


def _remove(device_name: str, namespace: str | None) -> None:
    if not ip_lib.device_exists(device_name, namespace=namespace):
        return
    with (
        _doing(f"remove interface {device_name}"),
        contextlib.suppress(ip_lib.NetworkInterfaceNotFound),
    ):
        ip_lib.IPDevice(device_name, namespace=namespace).link.delete()
        LOG.info("interface %s is removed", device_name)


@contextlib.contextmanager
def _doing(what: str) -> Iterator[None]:
    """Say what was wanted when Neutron's library or the kernel refuses."""
    try:
        yield
    except IbstackError:
        raise
    except (NetlinkError, OSError, RuntimeError) as error:
        raise LinkFailed(what, str(error)) from error
