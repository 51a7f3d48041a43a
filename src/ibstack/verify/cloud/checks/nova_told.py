# SPDX-License-Identifier: Apache-2.0
"""Neutron tells nova when a port is ready: without that no server with a VF starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.networks import servers
from ibstack.verify.cloud.nova_section import SECTION, faults, is_judged
from ibstack.verify.evidence import NEUTRON_CONF, Unread, shown
from ibstack.verify.neutron_files import placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.cloud.networks import Ml2
    from ibstack.verify.evidence import Evidence
    from ibstack.verify.site import Site


def _look(site: Site) -> Iterator[Seen]:
    known = servers(site)
    for server in known:
        yield _judged(server, site.hosts[server.host])
    if not known:
        yield Seen("", None, "no server's file was collected", shown(NEUTRON_CONF))


def _judged(server: Ml2, host: Evidence) -> Seen:
    place = placed(host, NEUTRON_CONF)
    keys = host.ini(place)
    wrong = faults(server)
    said_elsewhere = any(section == SECTION for section, _ in server.keys)
    if isinstance(keys, Unread) and not said_elsewhere:
        return Seen(server.host, None, keys.why, shown(place))
    if not wrong and not is_judged(server):
        why = f"[{SECTION}] signs in by an auth_type whose options are not known here"
        return Seen(server.host, None, why, shown(place))
    found = "; ".join(wrong) or f"[{SECTION}] is complete"
    return Seen(server.host, not wrong, found, shown(place))


RULE: Final = Rule(
    "nova-told",
    "Neutron tells nova when a port is ready",
    "notify_nova_on_port_status_changes and notify_nova_on_port_data_changes not false, and [nova]"
    " with auth_type, auth_url, username, password, project and domains",
    "set them in neutron.conf of the API and of neutron-rpc-server (docs/how-to/install.md), and"
    " restart both: nova waits 300 s for that event, and then the boot fails",
    _look,
    rank=4,
)
