# SPDX-License-Identifier: Apache-2.0
"""The steps of a port's way that lie on the fabric and at its subnet manager.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.finding import (
    Facts,
    Finding,
    State,
    not_known,
    not_needed,
    right,
    waits,
    wrong,
)
from ibstack.diagnose.membership import is_flat, members_of, shares_a_table
from ibstack.diagnose.neutron_steps import entry_of, port_of
from ibstack.fabric.neutron_names import FABRICD_BINARY

if TYPE_CHECKING:
    from ibstack.diagnose.host_facts import FabricFacts, FileFacts

_FABRICD: Final = FABRICD_BINARY
_NOT_KNOWN: Final = "not known"


def sm_is_master(facts: Facts) -> Finding:
    fabric = facts.fabric
    if fabric is None:
        return not_known(facts.why_missing("fabric"), "fabric, SMInfo")
    source = f"fabric, SMInfo, read from {fabric.host}"
    if fabric.unread:
        return not_known(fabric.unread, source)
    if fabric.master is None:
        return wrong(
            f"none: {fabric.no_master}",
            source,
            "no subnet manager is in office on the fabric",
            f"start OpenSM: `systemctl status opensm` on {_managers(facts)}",
        )
    name = f" ({fabric.master_name})" if fabric.master_name else ""
    return right(f"master on port {fabric.master}{name}", source)


def sm_is_served(facts: Facts) -> Finding:
    """The subnet manager in office is one that ibstack-fabricd looks after."""
    agents = facts.cloud.fabric_agents()
    source = "Neutron API, agents"
    physical = port_of(facts)[1].physical_network
    if not agents:
        return not_needed(f"no {_FABRICD} serves {physical}: its partitions are static", source)
    alive = [agent for agent in agents if agent.alive]
    if not alive:
        return wrong(
            f"no live {_FABRICD}",
            source,
            f"no {_FABRICD} of {physical} reports to Neutron any more",
            f"run `systemctl status {_FABRICD}` on {_managers(facts)}",
        )
    masters = [agent.host for agent in alive if agent.role == "master"]
    if not masters:
        return waits(
            "none says that its subnet manager is master",
            source,
            f"no live {_FABRICD} of {physical} stands beside the subnet manager in office",
            f"run `systemctl status {_FABRICD} opensm` on {_managers(facts)}",
        )
    return right(f"{_FABRICD} on {masters[0]} is beside the master", source)


def sm_serves_vports(facts: Facts) -> Finding:
    fabric, shared = facts.fabric, shares_a_table(facts)
    if shared:
        return not_needed("mlx4 VFs are no ports of their own", "adapter")
    if fabric is None:
        return not_known(facts.why_missing("fabric"), "OpenSM")
    source = f"{fabric.host}: serves_vports of fabricd.conf, and OpenSM's program"
    if fabric.serves_vports is None:
        return not_known("OpenSM's program cannot be read", source)
    if fabric.serves_vports:
        return right("it can", source)
    return wrong(
        "it cannot",
        source,
        f"the OpenSM on {fabric.host} cannot serve the virtual ports of ConnectX-4 and later",
        "run NVIDIA's OpenSM with virt_enabled 2, or UFM; where this one can, set serves_vports ="
        " yes in fabricd.conf",
    )


def is_desired(facts: Facts) -> Finding:
    fabric, source = facts.fabric, "Neutron RPC, fabric_members"
    if fabric is None:
        return not_known(facts.why_missing("fabric"), source)
    if is_flat(facts):
        return not_needed("every port is a limited member of the default partition", source)
    if fabric.desired is None:
        return not_known(fabric.undesired, source)
    port, _ = port_of(facts)
    if fabric.desired.held is not None:
        return wrong(
            fabric.desired.held,
            source,
            f"Neutron holds the port out of its partition: {fabric.desired.held}",
            "mend what it says; ibstack-fabricd serves the port by itself after that",
        )
    wanted = members_of(facts)
    if not fabric.desired.guids:
        return wrong(
            "not a member",
            source,
            f"Neutron does not count port {port.id} among the members of {_key(facts)}",
            "see whether physical_network of fabricd.conf is that of the port's network",
        )
    if not {*wanted} <= {*fabric.desired.guids}:
        told, shown = ", ".join(fabric.desired.guids), ", ".join(wanted)
        return wrong(
            f"as {told}",
            source,
            f"Neutron wants {told} in {_key(facts)} for the port, and its host shows {shown}",
            f"run `systemctl restart ibstack-agent` on {port.host}, which reports its adapters"
            " anew",
        )
    return right(f"{', '.join(fabric.desired.guids)} in {_key(facts)}", source)


def is_published(facts: Facts) -> Finding:
    fabric, members = facts.fabric, members_of(facts)
    if fabric is None or fabric.file is None:
        return not_known(facts.why_missing("fabric"), "partitions.conf")
    file, source = fabric.file, f"{fabric.host}: {fabric.file.path}"
    if file.whose == _NOT_KNOWN:
        return not_known(file.faults[0], source)
    if file.whose in ("foreign", "edited") or file.faults:
        return _not_ours(fabric, source)
    if is_flat(facts):
        return not_needed("every port is a limited member of the default partition", source)
    if not members:
        return not_known("the port's adapter is not known", source)
    found = [_in_file(facts, fabric, file, member, source) for member in members]
    return next((each for each in found if each.state is State.WRONG), found[0])


def _in_file(
    facts: Facts, fabric: FabricFacts, file: FileFacts, member: str, source: str
) -> Finding:
    has = file.members.get(member)
    if has is None:
        return wrong(
            f"{member} is not in {_key(facts)}",
            source,
            f"{file.path} on {fabric.host} does not have {member} in partition {_key(facts)}",
            f"run `systemctl status {_FABRICD}` on {fabric.host}; `ibstack partition plan` there"
            " says what it would publish",
        )
    wanted = entry_of(facts).membership.value
    if has != wanted:
        return wrong(
            f"{member} is {has} member",
            source,
            f"{file.path} on {fabric.host} has {member} as {has} member of {_key(facts)}, and it"
            f" should be {wanted}",
            f"run `systemctl restart {_FABRICD}` on {fabric.host}",
        )
    return right(f"{member} is {has} member of {_key(facts)}", source)


def _not_ours(fabric: FabricFacts, source: str) -> Finding:
    file = fabric.file
    if file is None:
        raise RuntimeError("there is a file where this is asked")
    first = f": {file.faults[0]}" if file.faults else ""
    if file.whose == "foreign":
        what, remedy = "was there before ibstack", "run `ibstack partition take-over`"
    else:
        broken = " and is broken" if file.faults else ""
        what, remedy = f"was edited by hand{broken}", "run `ibstack partition restore`"
    return wrong(
        f"it {what}{first}",
        source,
        f"{file.path} on {fabric.host} {what}, so nothing is published{first}",
        f"{remedy} on {fabric.host}",
    )


def is_loaded(facts: Facts) -> Finding:
    fabric = facts.fabric
    if fabric is None or fabric.file is None:
        return not_known(facts.why_missing("fabric"), "table of the subnet manager's port")
    source = f"table of the subnet manager's port {fabric.master}"
    if fabric.file.whose == _NOT_KNOWN:
        return not_known(fabric.file.faults[0], source)
    if fabric.file.proof is None:
        return not_known("the file carries no proof key: it is not ibstack's", source)
    if fabric.proofs is None:
        return not_known(fabric.unread or fabric.no_master or "it cannot be read", source)
    proof = f"0x{fabric.file.proof:04x}"
    if fabric.file.proof in fabric.proofs:
        return right(f"proof key {proof} is there", source)
    return wrong(
        f"proof key {proof} is not there",
        source,
        f"OpenSM has not loaded {fabric.file.path} of {fabric.host}: its proof key {proof} is not"
        " in force",
        f"run `systemctl status {_FABRICD} opensm` on {fabric.host}",
    )


def has_a_group(facts: Facts) -> Finding:
    group, source = facts.group, f"subnet administration, broadcast group of {_key(facts)}"
    if group is None:
        return not_known(facts.why_missing("group"), source)
    source = f"{source}, asked from {group.host}"
    if group.there is None:
        return not_known(group.why, source)
    if group.there:
        return right("it is there", source)
    return wrong(
        "there is none",
        source,
        f"partition {_key(facts)} has no IPoIB broadcast group, so no guest can ask for an address",
        "see the log of OpenSM for the flag ipoib of that partition",
    )


def _key(facts: Facts) -> str:
    return str(entry_of(facts).partition)


def _managers(facts: Facts) -> str:
    hosts = sorted(agent.host for agent in facts.cloud.fabric_agents())
    return " or ".join(hosts) or "the host of the subnet manager"
