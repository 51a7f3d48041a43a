# SPDX-License-Identifier: Apache-2.0
"""What an operator orders of ibstack-fabricd, and what it would do: nothing is done without it."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, Refused
from ibstack.subnet_manager.fabricd.daemon import publication
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.views.partitions import planned_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ibstack.views.partitions import Sources


def give(sources: Sources, order: str) -> str:
    """Give *order*, an Order's value, to the fabricd here; return what is to be expected."""
    try:
        OperatorRequests(sources.settings.state_path).give(Order(order))
    except OSError as error:
        raise _cannot(sources, order, error) from error
    return _ordered(sources, order)


def give_accept_host(sources: Sources, hosts: Sequence[str]) -> Iterator[str]:
    """Order that *hosts* be accepted as they report; yield what is to be expected of each."""
    known = _known(sources)
    for host in hosts:
        try:
            known.accept(host)
        except OSError as error:
            raise _cannot(sources, f"accept-host {host!r}", error) from error
        yield _ordered(sources, f"accept-host {host!r}")


def would_restore(sources: Sources) -> list[str]:
    """Return the lines that go (-) and come (+) where the last good copy is put back."""
    store = publication(sources.settings)
    try:
        good = store.last_good.read_text("ascii")
    except FileNotFoundError:
        raise Refused(
            f"cannot restore {store.path}: nothing has been published from here yet"
        ) from None
    return _differences(_text(store.path), good)


def would_take_over(sources: Sources) -> list[str]:
    """Return the lines that go where a file that was there before ibstack is replaced.

    What is published in place of them `ibstack partition plan` says, once it is taken over.
    """
    store = publication(sources.settings)
    if store.read().whose is not FileOwner.OTHER:
        sources.remark(f"nothing to take over: {store.path} is nobody else's")
        return []
    return _differences(_text(store.path), "")


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


def _known(sources: Sources) -> KnownHosts:
    settings = sources.settings
    return KnownHosts(settings.state_path, settings.fabric.host_guids, remembers=False)


def _ordered(sources: Sources, order: str) -> str:
    within_s = sources.settings.poll_interval_s
    return (
        f"ordered: {order}; ibstack-fabricd does it at its next pass, within {within_s:g} s, or"
        " when it is started, and logs what it did"
    )


def _cannot(sources: Sources, order: str, error: OSError) -> Refused:
    return Refused(
        f"cannot order {order} in {sources.settings.state_path}: {error.strerror}; run this as the"
        " user of ibstack-fabricd"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "backslashreplace")
    except OSError:
        return ""


def _differences(before: str, after: str) -> list[str]:
    lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
