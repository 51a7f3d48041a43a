# SPDX-License-Identifier: Apache-2.0
"""What tenants, nova and administrators do in a walk: one function and one line of the table each.

An operation returns what it did, or None where there is nothing that it could do now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.model import Place, Port
    from faults.world import World

_REPEATED: Final = 0.15
_AT_ONCE: Final = 7
"""Ports at a time: fabricd refuses to remove more than 8 members at once, as it should."""


def create(world: World) -> str | None:
    port = world.choose(lambda p: not p.exists and p.bound_to is None)
    if port is None:
        if len(world.model.ports) >= _AT_ONCE or not world.free:
            return None
        port = world.new_port()
    port.exists = True
    world.owe(f"create {port}", port, None, lambda: world.create(port, None))
    return f"create {port}"


def create_bound(world: World) -> str | None:
    port = world.choose(lambda p: not p.exists and p.bound_to is None)
    if port is None:
        if len(world.model.ports) >= _AT_ONCE or not world.free:
            return None
        port = world.new_port()
    port.exists, port.bound_to = True, port.meant_for
    place = port.meant_for
    world.owe(f"create {port}", port, place, lambda: world.create(port, place))
    return f"create {port} bound to {place}"


def bind(world: World) -> str | None:
    port = world.choose(lambda p: p.exists and p.bound_to is None)
    if port is None:
        return None
    place = port.bound_to = port.meant_for
    world.owe(f"bind {port}", port, place, lambda: world.bind(port, place))
    return f"bind {port} to {place}"


def plug(world: World) -> str | None:
    """Also before it is bound, or created; now and then once more, for nova repeats itself."""
    repeats = world.rng.random() < _REPEATED
    port = world.choose(lambda p: _may_plug(p) and repeats is (_goal(p) in p.plugged))
    if port is None:
        if repeats or len(world.model.ports) >= _AT_ONCE or not world.free:
            return None
        port = world.new_port()
    place = _goal(port)
    port.plugged.add(place)
    world.owe(f"plug {port}", port, place, lambda: world.plug(port, place))
    return f"plug {port} into {place}"


def _goal(port: Port) -> Place:
    return port.bound_to or port.meant_for


def _may_plug(port: Port) -> bool:
    """eswitchd refuses a MAC that holds another VF of the host, so nova unplugs that first."""
    goal = _goal(port)
    to_come = port.exists or port.bound_to is None
    return to_come and all(place.host != goal.host or place == goal for place in port.plugged)


def unplug(world: World) -> str | None:
    port = world.choose(lambda p: bool(p.plugged))
    if port is None:
        return None
    place = world.rng.choice(sorted(port.plugged))
    port.plugged.remove(place)
    world.owe(f"unplug {port}", port, place, lambda: world.unplug(port, place))
    if port.bound_to is not None:
        world.model.drop(port)
    return f"unplug {port} from {place}"


def delete(world: World) -> str | None:
    port = world.choose(lambda p: p.exists)
    if port is None:
        return None
    port.exists = False
    place = port.bound_to = port.bound_to or port.meant_for
    world.owe(f"delete {port}", port, place, lambda: world.delete(port))
    world.model.drop(port)
    return f"delete {port}"


def migrate(world: World) -> str | None:
    """To another VF, most often of another host; the old one is unplugged some time later."""
    port = world.choose(lambda p: p.exists and p.bound_to is not None)
    if port is None or not world.free:
        return None
    place = port.bound_to = world.rng.choice(world.free)
    world.owe(f"migrate {port}", port, place, lambda: world.bind(port, place))
    return f"migrate the binding of {port} to {place}"


def set_down(world: World) -> str | None:
    return _set_admin_state(world, up=False)


def set_up(world: World) -> str | None:
    return _set_admin_state(world, up=True)


def _set_admin_state(world: World, *, up: bool) -> str | None:
    port = world.choose(lambda p: p.exists and p.up is not up)
    if port is None:
        return None
    port.up = up
    what = f"set {port} {'up' if up else 'down'}"
    world.owe(what, port, None, lambda: world.update(port, admin_state_up=up))
    return what


OPERATIONS: Final[dict[Callable[[World], str | None], int]] = {
    create: 6,
    create_bound: 3,
    bind: 8,
    plug: 12,
    unplug: 8,
    delete: 5,
    migrate: 4,
    set_down: 1,
    set_up: 2,
}
"""And how often each is chosen."""
