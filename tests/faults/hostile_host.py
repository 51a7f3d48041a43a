# SPDX-License-Identifier: Apache-2.0
"""A compute host that was taken over: it sends whatever its account at the broker may.

In the lab that is the account of all, so it may also answer in Neutron's place.  A site with the
accounts of docs/how-to/install.md has less to fear.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from faults.alarms import AGENT, FABRICD
from faults.attempts import Attempt, Promise, Void, Where
from faults.broker_messages import HINTS, PLUGIN, REPORTS, Line, open_line
from faults.hostile_answers import FORGERIES, answer_in_neutrons_place
from faults.model import guid_of
from ibstack_lab.services import accounts
from ibstack_lab.topology import ETHERNET, PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from faults.world import World

_GHOSTS: Final = 20
_BEATS, _REPORTS, _HINTS = 10, 50, 20
"""Of a flood, each time."""
_UNKNOWN_PORTS: Final = 20
_FLOODS_EVERY_S: Final = 2.0
_DAEMONS: Final = {
    AGENT: ("ibstack-agent", "ibstack-agent"),
    FABRICD: ("ibstack-fabricd", "ibstack-fabric"),
}
_MLX: Final = {"mlx4": "mlx5", "mlx5": "mlx4"}


@dataclass(frozen=True)
class HostileHost:
    """One host of a world, and the account that all have."""

    world: World
    name: str

    def line(self) -> Any:
        return open_line(self.world.cloud.services().broker.transport_url)

    @property
    def guid(self) -> int:
        return self.world.cloud.topology.host(self.name).port_guid.value


def _somebody(world: World) -> tuple[HostileHost, str]:
    """Choose a host that was taken over, and another compute host."""
    hostile = world.rng.choice(world.hosts)
    other = world.rng.choice([name for name in world.hosts if name != hostile])
    return HostileHost(world, hostile), other


# Reports of adapters.


def lie(world: World) -> str:
    """Report another adapter than the own, in the own name or in another host's."""
    hostile, other = _somebody(world)
    kind = world.rng.choice(list(_LIES))
    attempt = _LIES[kind](hostile, other)
    return world.attempt(attempt)


def report_as_another(hostile: HostileHost, other: str) -> Attempt:
    """The oldest one: each port on *other* would be of the sender's adapter."""
    shown = _spelled(hostile.guid)
    return _report(
        f"host {hostile.name} reports its own port as that of {other}",
        hostile,
        {other: {"port_guid": shown, "kind": "mlx4"}},
        (f"'{hostile.name}'", f"'{other}'", f"all report port GUID {shown}"),
        (f"host '{other}' reports port GUID {shown}", f"is host '{hostile.name}''s"),
    )


def _claim_of_a_host(hostile: HostileHost, other: str) -> Attempt:
    topology = hostile.world.cloud.topology
    reporting = {host.name for host in topology.adapter_hosts}
    whose = hostile.world.rng.choice(
        [other, *(host.name for host in topology.subnet_manager_hosts)]
    )
    shown = _spelled(topology.host(whose).port_guid.value)
    said = f"host '{hostile.name}' reports port GUID {shown}"
    told: list[tuple[str, ...]] = [(said, "is new there")]
    if whose in reporting:
        both = (f"'{hostile.name}'", f"'{whose}'", f"all report port GUID {shown}")
        told = [(said, f"is host '{whose}''s"), both]
    return _report(
        f"host {hostile.name} reports the port of {whose} as its own",
        hostile,
        {hostile.name: {"port_guid": shown}},
        *told,
        about={whose},
    )


def _claim_of_a_tenant(hostile: HostileHost, other: str) -> Attempt:
    del other
    world = hostile.world
    port = world.choose(lambda p: p.is_member)
    mac = port.mac if port is not None else "fa:16:3e:" + world.rng.randbytes(3).hex(":")
    shown = _spelled(guid_of(mac))
    return _report(
        f"host {hostile.name} reports the GUID of {port or 'nobody'} as that of its adapter",
        hostile,
        {hostile.name: {"port_guid": shown}},
        (f"host '{hostile.name}' reports port GUID {shown}", "is new there"),
    )


def _another_kind(hostile: HostileHost, other: str) -> Attempt:
    world = hostile.world
    whose = world.rng.choice([hostile.name, other])
    host = world.cloud.topology.host(whose)
    assert host.kind is not None
    shown = _spelled(host.port_guid.value)
    return _report(
        f"host {hostile.name} reports another kind of adapter of {whose}",
        hostile,
        {whose: {"kind": _MLX[host.kind.value]}},
        (f"host '{whose}' reports port GUID {shown}", "is of another kind of adapter"),
    )


def _ghosts(hostile: HostileHost, other: str) -> Attempt:
    """So many problems that a heartbeat has no room for all: the log has."""
    guid = _spelled(hostile.world.cloud.topology.host(other).port_guid.value)
    names = [f"ghost-{hostile.world.rng.randrange(16**4):04x}" for _ in range(_GHOSTS)]
    attempt = _report(
        f"host {hostile.name} reports {_GHOSTS} hosts that there are not with the port of {other}",
        hostile,
        {name: {"port_guid": guid} for name in names},
        about={other},
    )
    attempt.promises = (
        Promise(
            Where.FABRICD_LOG, (f"'{other}'", *map(repr, names), f"all report port GUID {guid}")
        ),
        *(
            Promise(Where.FABRICD_LOG, (f"host '{name}' reports port GUID {guid}", f"'{other}''s"))
            for name in names
        ),
    )
    attempt.undo = partial(_delete_agents, hostile.world, names)
    return attempt


def _as_fabricd(hostile: HostileHost, other: str) -> Attempt:
    """Hide fabricd's alarms, and make an Ethernet network InfiniBand, and the fabric none."""
    del other
    world = hostile.world
    names = [host.name for host in world.cloud.topology.subnet_manager_hosts]

    def do() -> str:
        told = {"physical_networks": [ETHERNET], "role": "master", "digest": "", "problems": []}
        with hostile.line() as line:
            for name in names:
                _beat(line, name, told, agent_type=FABRICD, wait=True)
        return ""

    promises = tuple(
        Promise(
            Where.NEUTRON_LOG, (f"a heartbeat of '{FABRICD}' in the name of host '{name}'", "two")
        )
        for name in names
    )
    return Attempt(f"host {hostile.name} reports for every fabricd", do, promises, is_a_lie=True)


_LIES: Final[dict[str, Callable[[HostileHost, str], Attempt]]] = {
    "as another": report_as_another,
    "of a host": _claim_of_a_host,
    "of a tenant": _claim_of_a_tenant,
    "another kind": _another_kind,
    "ghosts": _ghosts,
    "as fabricd": _as_fabricd,
}


def _report(
    what: str,
    hostile: HostileHost,
    lies: dict[str, dict[str, str]],
    *told: Sequence[str],
    about: set[str] = frozenset(),  # type: ignore[assignment]
) -> Attempt:
    """Return the attempt to report each host of *lies* with other adapters than it has."""

    def do() -> str:
        with hostile.line() as line:
            for name, changes in lies.items():
                truth = hostile.world.truth.get(name) or hostile.world.truth[hostile.name]
                adapters = [{**adapter, **changes} for adapter in truth["adapters"]]
                _beat(line, name, {**truth, "adapters": adapters}, wait=len(lies) == 1)
            _hint(line)
        return ""

    promises = tuple(Promise(Where.PROBLEMS, tuple(words)) for words in told)
    held_up = frozenset({*lies, *about, hostile.name})
    return Attempt(what, do, promises, held_up, is_a_lie=True)


def _beat(
    line: Line,
    host: str,
    configurations: Mapping[str, Any],
    *,
    agent_type: str = AGENT,
    wait: bool,
) -> None:
    binary, topic = _DAEMONS[agent_type]
    state = {
        "agent_type": agent_type,
        "binary": binary,
        "host": host,
        "topic": topic,
        "configurations": configurations,
        "uuid": str(uuid.uuid4()),
    }
    arguments = {
        "agent_state": {"agent_state": state},
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime()),
    }
    send = line.call if wait else line.cast
    send(REPORTS, "report_state", arguments, version="1.4")


def _hint(line: Line) -> None:
    arguments = {"physical_network": PHYSICAL_NETWORK}
    line.cast("", "fabric_hint", arguments, exchange=HINTS)


def _delete_agents(world: World, hosts: Sequence[str]) -> None:
    """What the alarm asks for."""
    operator = world.cloud.api(accounts.OPERATOR)
    for host in hosts:
        for agent in operator.list("agents", host=host):
            operator.delete("agents", agent["id"])


# Reports of ports.


def report_ports(world: World) -> str:
    """Say of ports that are bound elsewhere what is not so; or of another host's in its name."""
    hostile, other = _somebody(world)
    state = world.rng.choice(["ready", "gone", "failed"])
    if world.rng.random() < 0.5:
        what = f"host {hostile.name} reports that ports of other hosts are {state}"
        told = (f"host '{hostile.name}' reports", "not bound to it")
        # Whose port has moved away reports that it is gone.
        promises = (Promise(Where.NEUTRON_LOG, told),) if state != "gone" else ()
        do = partial(_report_ports, hostile, hostile.name, state, own=False)
        return world.attempt(Attempt(what, do, promises))
    # Ports that are called ready too early are ACTIVE too early: what is told does not stop it.
    state = "gone" if state == "ready" else state
    what = f"host {hostile.name} reports in the name of {other} that its ports are {state}"
    in_its_name = f"reports about ports in the name of host '{other}' are not of the ibstack-agent"
    promises = (Promise(Where.NEUTRON_LOG, (in_its_name, "somebody else")),)
    do = partial(_report_ports, hostile, other, state, own=True)
    return world.attempt(Attempt(what, do, promises))


def _report_ports(hostile: HostileHost, name: str, state: str, *, own: bool) -> str:
    bound = [(port_id, host) for port_id, host in hostile.world.alarms.ports() if host]
    about = [port_id for port_id, host in bound if (host == name) is own]
    if not about:
        raise Void
    told: dict[str, Any] = {"host": name, "ready": [], "gone": [], state: about}
    with hostile.line() as line:
        return str(line.call(PLUGIN, "report_host", told))


def forge_a_report_of_the_fabric(world: World) -> str:
    """Say in fabricd's place that everything is in force."""
    hostile, _ = _somebody(world)
    how, (more, why) = world.rng.choice(list(_FORGED.items()))

    def do() -> str:
        ports = [port_id for port_id, _ in world.alarms.ports()]
        told = {
            "physical_network": PHYSICAL_NETWORK,
            "etag": "",
            "in_force": ports,
            **more(),
        }
        with hostile.line() as line:
            return str(line.call(PLUGIN, "report_fabric", told))

    promises = (
        Promise(Where.ANSWER, ("cannot believe the report of what is in force", why)),
        Promise(Where.NEUTRON_LOG, (f"physical network '{PHYSICAL_NETWORK}' is not believed", why)),
    )
    what = f"host {hostile.name} reports that all of the fabric is in force, {how}"
    return world.attempt(Attempt(what, do, promises))


_FORGED: Final[dict[str, tuple[Callable[[], dict[str, Any]], str]]] = {
    "unsigned": (dict, "it has no signature"),
    "signed with another key": (
        lambda: {"at": int(time.time()), "signature": "0" * 64},
        "it is signed with another key",
    ),
    "with nonsense for a signature": (
        lambda: {"at": [[]], "signature": {"a": 1}},
        "it is signed with another key",
    ),
}


# Load.


def flood_reports_and_hints(world: World) -> str:
    """What comes in is true, or of nobody; it is only much."""
    hostile, _ = _somebody(world)

    def do() -> str:
        with hostile.line() as line:
            for _ in range(_BEATS):
                _beat(line, hostile.name, world.truth[hostile.name], wait=False)
            for _ in range(_REPORTS):
                unknown = [str(uuid.uuid4()) for _ in range(_UNKNOWN_PORTS)]
                told = {"host": hostile.name, "ready": unknown, "gone": unknown}
                line.cast(PLUGIN, "report_host", told)
            for _ in range(_HINTS):
                _hint(line)
                for host in world.hosts:
                    line.cast(f"ibstack-agent.{host}", "port_hint", {"port_id": "x"})
        return ""

    # Of hints nothing says whose they are: they carry nothing.
    named = "reports about ports came in the name of", f"host '{hostile.name}' within"
    promises = (Promise(Where.NEUTRON_LOG, named),)
    what = f"host {hostile.name} floods reports and hints"
    return world.attempt(Attempt(what, do, promises, every_s=_FLOODS_EVERY_S))


def answer_for_neutron(world: World) -> str:
    """Take questions from Neutron's queue and answer them: falsely, badly, late, without end."""
    hostile, _ = _somebody(world)
    how = world.rng.choice(list(FORGERIES))
    forgery = FORGERIES[how]
    stranger = _spelled(guid_of("fa:16:3e:" + world.rng.randbytes(3).hex(":")))
    member = {
        "port_id": str(uuid.UUID(int=world.rng.getrandbits(128))),
        "host": hostile.name,
        "guid": stranger,
        "key": f"0x{world.rng.choice(list(world.networks)):04x}",
        "membership": "full",
        "shared": False,
    }

    def do() -> str:
        with hostile.line() as line, hostile.line() as another:
            return answer_in_neutrons_place(line, another, forgery, member, partial(_hint, another))

    what = f"host {hostile.name} answers in Neutron's place, {how}"
    attempt = Attempt(what, do, forgery.promises)
    attempt.holds_up = frozenset(world.hosts)  # Who takes the questions of all keeps all waiting.
    attempt.forbids = (Promise(Where.FABRICD_LOG, (f"admit {stranger}",)),)
    return world.attempt(attempt)


def _spelled(guid: int) -> str:
    return f"0x{guid:016x}"


HOSTILE_HOST: Final[dict[Callable[[World], str | None], float]] = {
    lie: 5,
    report_ports: 3,
    forge_a_report_of_the_fabric: 1.5,
    flood_reports_and_hints: 1,
    answer_for_neutron: 2,
}
"""And how often each is chosen."""
