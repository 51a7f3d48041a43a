# SPDX-License-Identifier: Apache-2.0
"""What an operator orders of ibstack-fabricd, and what it would do: nothing is done without it."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, Refused, TryLater
from ibstack.subnet_manager.fabricd.daemon import publication
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.views.partitions import planned_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ibstack.views.partitions import Sources


def give(sources: Sources, order: str) -> str:
    """Give *order*, an Order's value, to the fabricd here; return what is to be expected."""
    _remark_where_none_ran(sources)
    OperatorRequests(sources.settings.state_path).give(Order(order))
    return _ordered(sources, order)


def give_accept_host(sources: Sources, hosts: Sequence[str]) -> list[str]:
    """Order that *hosts* be accepted as they report; return what is to be expected of each.

    BadInput, and none is ordered, where one is no name of a host.
    """
    settings = sources.settings
    known = KnownHosts(settings.state_path, settings.fabric.host_guids, remembers=False)
    _remark_where_none_ran(sources)
    known.accept(*hosts)
    return [_ordered(sources, f"accept-host {host!r}") for host in hosts]


def would_restore(sources: Sources) -> list[str]:
    """Return the lines that go (-) and come (+) where the last good copy is put back."""
    store = publication(sources.settings)
    good = _text(store.last_good)
    if good is None:
        raise Refused(
            f"cannot restore {store.path}: nothing has been published from here yet: there is no"
            f" {store.last_good}"
        )
    return _differences(_text(store.path) or "", good)


def would_take_over(sources: Sources) -> list[str]:
    """Return the lines that go where a file that was there before ibstack is replaced.

    What is published in place of them `ibstack partition plan` says, once it is taken over.
    """
    store = publication(sources.settings)
    text = _text(store.path) or ""
    if store.read().whose is not FileOwner.OTHER:
        sources.remark(f"nothing to take over: {store.path} is nobody else's")
        return []
    return _differences(text, "")


def would_allow_removals(sources: Sources) -> list[str]:
    """Return who would be expelled, however many there are."""
    steps = planned_steps(sources)
    return [each.step for each in steps if each.step.startswith("expel ")]


WOULD: Final = {
    Order.RESTORE.value: would_restore,
    Order.TAKE_OVER.value: would_take_over,
    Order.ALLOW_REMOVALS.value: would_allow_removals,
}
"""What each order would do, by its value."""


def would_accept(sources: Sources, hosts: Sequence[str]) -> list[str]:
    """Return what is held now, or is an alarm, because of what *hosts* report.

    BadInput for a host that Neutron's answer does not name.
    """
    desired = sources.desired()
    told = {*desired.hosts, *(member.host for member in desired.members)}
    for host in hosts:
        if host not in told:
            raise BadInput(f"cannot tell of host {host!r}: it reports no port of this fabric")
    alarms = sources.believed(desired, sources.fabric).alarms
    return [each for each in alarms if any(f"host {host!r}" in each for host in hosts)]


def _remark_where_none_ran(sources: Sources) -> None:
    state = sources.settings.state_path
    try:
        state.stat()
    except FileNotFoundError:
        sources.remark(f"there was no {state}: no ibstack-fabricd has run with these settings yet")
    except OSError:
        return  # Giving the order says why it cannot be looked at.


def _ordered(sources: Sources, order: str) -> str:
    within_s = sources.settings.poll_interval_s
    return (
        f"ordered: {order}; ibstack-fabricd does it at its next pass, within {within_s:g} s, or"
        " when it is started, and logs what it did"
    )


def _text(path: Path) -> str | None:
    """Return what stands at *path*, or None where nothing does; TryLater where it is not known."""
    try:
        return path.read_text("ascii", "backslashreplace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TryLater(
            f"cannot tell what an order would do: {path}: {error.strerror}; run this as root or as"
            " the user of ibstack-fabricd"
        ) from error


def _differences(before: str, after: str) -> list[str]:
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
