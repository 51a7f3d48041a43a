# SPDX-License-Identifier: Apache-2.0
"""How many InfiniBand networks a project may have: the quota `infiniband_network` of Neutron.

Each takes a place in the P_Key table of whoever serves its DHCP, and those tables are everybody's.
Neutron's quota `network` counts those of all types, and is for the database's sake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neutron.quota import QUOTAS, resource, resource_registry
from neutron_lib import exceptions
from oslo_config import cfg

from ibstack.neutron.server import tables
from ibstack.neutron.server.options import QUOTA, QUOTA_GROUP, QUOTA_OPTIONS
from ibstack.neutron.server.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable


class TooManyNetworks(exceptions.Conflict, Refusal):
    """The project has as many InfiniBand networks as it may have."""

    message = (
        "cannot give project %(project)s one more InfiniBand network: it may have %(limit)s of them"
        " (quota infiniband_network), for each takes a place in the P_Key tables of the hosts that"
        " serve DHCP, which all projects share; delete one, or ask for a larger quota"
    )


def register(infiniband: Callable[[Any], frozenset[str]]) -> None:
    """Have Neutron know the quota; *infiniband* says which physical networks it is about."""
    cfg.CONF.register_opts(QUOTA_OPTIONS, group=QUOTA_GROUP)

    def count(context: Any, _plural: str, project: str) -> int:
        return tables.networks_of(context, project, infiniband(context))

    resource_registry.register_resource(
        resource.CountableResource(QUOTA, count, f"quota_{QUOTA}", QUOTA)
    )


def require(context: Any, project: str) -> None:
    """Raise TooManyNetworks where *project* has more InfiniBand networks than it may have."""
    try:
        QUOTAS.quota_limit_check(context, project, **{QUOTA: 0})
    except exceptions.OverQuota as error:
        limits = QUOTAS.get_driver().get_project_quotas(
            context, resource_registry.get_all_resources(), project
        )
        raise TooManyNetworks(project=project, limit=limits[QUOTA]) from error
