# SPDX-License-Identifier: Apache-2.0
"""What a reconciler asks of whichever subnet manager keeps a fabric: the seam between the two.

A back end declares partitions and says whether what it was given is in force, by its own means.
What the fabric's tables hold is read by datagrams (ibstack.subnet_manager.observed), whichever back
end there is: that is their judge.  tests/subnet_manager/subnet_manager_contract.py pins all of it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ibstack.subnet_manager.policy.site import Site

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PartitionKey, Partitions
    from ibstack.subnet_manager.policy.drift import ObservedManager


class Role(enum.Enum):
    """What the subnet manager on this host is: of several, the one that is nearest to office."""

    MASTER = "master"
    STANDBY = "standby"
    NONE = "none"
    """None runs here, or it does not answer."""


@dataclass(frozen=True, slots=True)
class Manager:
    """The subnet manager on this host, and the one that is master."""

    role: Role
    port: Guid
    """The master's, where it is on this host; else the local port."""
    proofs: frozenset[PartitionKey] | None
    """The proof keys on the port of the master; None: not known, or the master is a stranger."""
    why: str = ""
    """Why there is none."""
    stranger: ObservedManager | None = None
    """The master, where it is on another host and on none of the site's ports."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that a subnet manager is to hold."""

    partitions: Partitions
    """Ours; partitions of other keys are the site's."""
    physical: frozenset[Guid] = frozenset()
    """The members that are physical ports, of which VFs share the table."""
    site: Site = field(default_factory=Site)
    rewrite: frozenset[Guid] = frozenset()
    """Ports whose tables are to be written anew: members of SCRATCH_KEY until the next one."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a subnet manager holds, or would hold after a takeover."""

    partitions: Partitions
    """All members that are declared by GUID, the site's too; empty where nothing of ours is."""
    physical: frozenset[Guid] = frozenset()
    ours: bool = True
    """False: ibstack has declared nothing here yet."""
    is_masters: bool | None = None
    """Whether the master on another host shows the same; None: not known."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """For what was applied; in_force() tells what became of it."""

    mark: str
    """What shows that it is in force."""
    fresh: bool
    """Whether anything was declared that was not before."""
    seen: bool = False
    """It was seen to be in force when it was applied."""
    overdue: str = ""
    """What to say where it does not come into force; `{limit_s}` stands for the seconds."""


class SubnetManager(Protocol):
    """The subnet manager on this host.  Every method may raise TryLater."""

    @property
    def publishes(self) -> int:
        """Return how many declarations were put in place since the start."""
        ...

    @property
    def reloads(self) -> int:
        """Return how often the subnet manager was made to read one since the start."""
        ...

    def state(self) -> Manager:
        """Return what the subnet manager is now."""
        ...

    def site(self) -> Site:
        """Return the site's own partitions; BadInput where they must not be declared."""
        ...

    def declared(self) -> Declared:
        """Return what is declared; Refused where it is another's, and may not be replaced."""
        ...

    def fingerprint(self) -> str | None:
        """Return what changes with everything that is declared, by whomever; None: not known."""
        ...

    def apply(self, declaration: Declaration) -> Receipt:
        """As master: have *declaration* come into force.  The same one again changes nothing.

        Refused where what stands is another's.  A process that ends in the middle leaves what may
        be applied again.
        """
        ...

    def in_force(self, receipt: Receipt) -> bool | None:
        """Tell whether what *receipt* is for is in force; None: that cannot be known now."""
        ...

    def prepare(self, declaration: Declaration, *, confirmed: bool) -> bool:
        """As standby: have *declaration* be what comes into force at a takeover.

        *confirmed*: it is by the latest news, and so equal to the master's.  Returns whether
        anything changed.  Nothing on the fabric does.
        """
        ...

    def invalidate(self) -> None:
        """Count nothing as in force that was applied before: another may have been master since."""
        ...

    def restore(self) -> None:
        """Put back what ibstack declared last, in place of another's; Refused: there is none."""
        ...

    def take_over(self) -> None:
        """Count what stands there as ibstack's to replace, and keep a copy of it."""
        ...

    def serves_vports(self) -> bool | None:
        """Tell whether it can serve the virtual ports of mlx5; None: not known."""
        ...
