# SPDX-License-Identifier: Apache-2.0
"""What can be wrong.  A new check is a function beside these, and one entry here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.checks import (
    agreement,
    exclude_lists,
    known,
    names,
    node_groups,
    partitions,
    physical_networks,
    services,
    values,
    virtual_functions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.cluster.lint.configuration import Cloud
    from ibstack.cluster.lint.finding import Finding

    Check = Callable[[Cloud], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    known.nothing,
    values.unreadable,
    values.comments,
    values.quotes,
    names.options,
    names.directives,
    names.script_words,
    names.service_names,
    agreement.ranges,
    agreement.owned_keys,
    agreement.with_the_cluster,
    physical_networks.missing_at_the_server,
    physical_networks.not_mapped,
    physical_networks.unknown_to_all,
    physical_networks.not_understood,
    physical_networks.absent,
    physical_networks.two_of_one_fabric,
    partitions.read_otherwise,
    partitions.keys_outside,
    partitions.open_default,
    partitions.open_to_all,
    partitions.both_forms,
    partitions.not_collected,
    virtual_functions.mapped_twice,
    virtual_functions.guids_by_the_subnet_manager,
    virtual_functions.not_made,
    virtual_functions.probed,
    services.missing,
    node_groups.names,
    node_groups.genders_lines,
    node_groups.genders_lines_beside,
    node_groups.group_sources,
    exclude_lists.lines,
)
