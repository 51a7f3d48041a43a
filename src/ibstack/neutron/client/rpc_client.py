# SPDX-License-Identifier: Apache-2.0
"""How the daemons speak with Neutron over the site's message broker.

Imports oslo.messaging and oslo.config alone: `neutron_lib.rpc` would cost another 40 MiB of memory
on every host, and `neutron.agent.rpc` 85 MiB (measured on Neutron 29).

When the broker is away, a call fails with TryLater after about three seconds, and the same call
works again when the broker is back: oslo.messaging reconnects by itself.  The one exception is the
first call of a process, which waits for the broker for as long as it takes.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import oslo_messaging
from kombu.exceptions import KombuError
from oslo_messaging import opts as messaging_opts

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.neutron.protocol import replies
from ibstack.neutron.protocol.conventions import (
    AGENT_TOPIC,
    FABRIC_TOPIC,
    PLUGIN_TOPIC,
    RPC_VERSION,
)
from ibstack.neutron.protocol.instance import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from oslo_config import cfg

    from ibstack.neutron.protocol.signature import Signer

LOG = logging.getLogger(__name__)

# What Neutron itself sets (neutron/common/config.py); a site's control_exchange wins over it.
_EXCHANGE: Final = "neutron"

# What neutron_lib.rpc.RequestContextSerializer reads into the context of an administrator:
# oslo_context.RequestContext.from_dict() and neutron_lib.context.Context.from_dict().
ADMIN_CONTEXT: Final[dict[str, Any]] = {
    "is_admin": True,
    "roles": ["admin", "member", "reader"],
    "user_id": None,
    "project_id": None,
}

# oslo.messaging lets through what kombu raises while a new connection is made: seen with 18.3 and
# a RabbitMQ that was stopped with its sockets open (tests/e2e/test_faults.py).
_BROKER_AWAY: Final = (
    oslo_messaging.MessagingException,
    oslo_messaging.MessageUndeliverable,
    KombuError,
    OSError,
)
# What oslo.messaging 18.3 raises at an answer that is no message of its kind: without `failure`,
# say, or neither the last one nor with a result (tests/real/test_broken_answers.py).
_NO_MESSAGE: Final = (AttributeError, LookupError, TypeError, ValueError, RecursionError)
_LISTEN_AGAIN_S: Final = 1.0
# A hint only sets a flag, so a few threads serve any number of them.
_HINT_THREADS: Final = 2
# Tries to reach the broker, one or two seconds apart, before a call gives up.
_CONNECT_RETRIES: Final = 1


class Transport(Protocol):
    """An oslo.messaging RPC transport."""

    conf: cfg.ConfigOpts

    def cleanup(self) -> None: ...


class Server(Protocol):
    """An oslo.messaging RPC server."""

    def start(self, override_pool_size: int | None = None) -> None: ...
    def stop(self) -> None: ...
    def wait(self) -> None: ...


def open_transport(conf: cfg.ConfigOpts, url: str | None = None) -> Transport:
    """Return the transport that `transport_url` in *conf* names, or *url*.  Connects lazily.

    BadInput where it is none; what it says is not repeated, since it holds a password.
    """
    oslo_messaging.set_transport_defaults(control_exchange=_EXCHANGE)
    try:
        transport: Transport = oslo_messaging.get_rpc_transport(conf, url=url)
    except (oslo_messaging.MessagingException, ValueError) as error:
        raise BadInput(
            "cannot use [DEFAULT] transport_url: it is no URL of a broker"
            f" ({type(error).__name__}); write rabbit://USER:PASSWORD@HOST:5672/, and %2F for a /"
            " in the password"
        ) from None
    return transport


class Caller:
    """Calls and casts to one topic, with the errors of oslo.messaging made ours."""

    def __init__(
        self,
        transport: Transport,
        topic: str,
        *,
        timeout_s: float,
        version: str = RPC_VERSION,
    ) -> None:
        target = oslo_messaging.Target(topic=topic, version=version)
        self._client = oslo_messaging.get_rpc_client(
            transport, target, timeout=timeout_s, retry=_CONNECT_RETRIES
        )
        self._timeout_s = timeout_s

    def call(self, doing: str, method: str, **arguments: object) -> object:
        """Return the answer of *method*; TryLater `cannot <doing>: …` where there is none."""
        return self._send(self._client.call, doing, method, arguments)

    def cast(self, doing: str, method: str, **arguments: object) -> None:
        """Send *method* and do not wait; TryLater where the broker does not take it."""
        self._send(self._client.cast, doing, method, arguments)

    def _send(
        self, how: Callable[..., object], doing: str, method: str, arguments: dict[str, object]
    ) -> object:
        try:
            return how(dict(ADMIN_CONTEXT), method, **arguments)
        except oslo_messaging.MessagingTimeout as error:
            raise TryLater(
                f"cannot {doing}: no answer within {self._timeout_s:g} s; "
                "is neutron-rpc-server running, with the infiniband mechanism driver?"
            ) from error
        except oslo_messaging.RemoteError as error:
            raise TryLater(
                f"cannot {doing}: Neutron failed: {error.exc_type}: {_first_line(error.value)}; "
                "its log says more"
            ) from error
        except _BROKER_AWAY as error:
            raise TryLater(
                f"cannot {doing}: the message broker is away: {_first_line(error)}; "
                "is RabbitMQ running, and transport_url right?"
            ) from error
        except _NO_MESSAGE as error:
            raise TryLater(
                f"cannot {doing}: the answer of Neutron cannot be read:"
                f" {type(error).__name__}: {_first_line(error)}; somebody may answer in its place"
            ) from error


class PluginClient:
    """Asks Neutron what should be, and tells it what is.  Safe to use from several threads.

    Every method raises TryLater where Neutron or the broker is away, and BadReply, a TryLater too,
    where the answer cannot be read.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout_s: float = 15,
        signer: Signer | None = None,
        instance: str | None = None,
    ) -> None:
        """*timeout_s*: how long to wait for each answer, in seconds.

        *signer*: believe no answer about a fabric that is not signed, and sign what is in force.
        *instance*: what the heartbeats of this process say the digest of.
        """
        self._caller = Caller(transport, PLUGIN_TOPIC, timeout_s=timeout_s)
        self._signer = signer
        self._instance = instance

    def host_ports(self, host: str, etag: str | None = None) -> replies.HostPorts:
        """Return what *host* should have; ports None where nothing is new since *etag*."""
        doing = f"ask Neutron for the ports of host {host}"
        raw = self._caller.call(doing, "host_ports", host=host, etag=etag)
        return replies.read_host_ports(raw, doing)

    def report_host(
        self,
        host: str,
        ready: Collection[str] = (),
        gone: Collection[str] = (),
        failed: Collection[str] = (),
    ) -> replies.HostReport:
        """Say which ports are programmed on *host*, which are no longer, and which cannot be.

        Safe to repeat.
        """
        doing = f"tell Neutron about the ports of host {host}"
        told: dict[str, Any] = {"ready": sorted(ready), "gone": sorted(gone)}
        if failed:
            told["failed"] = sorted(failed)
        if self._instance is not None:
            told[KEY] = self._instance
        raw = self._caller.call(doing, "report_host", host=host, **told)
        return replies.read_host_report(raw, doing)

    def fabric_members(
        self, physical_network: str, etag: str | None = None
    ) -> replies.FabricMembers:
        """Return who should be a member of what; members None where nothing is new since *etag*."""
        doing = f"ask Neutron for the members of physical network {physical_network}"
        asked: dict[str, Any] = {"physical_network": physical_network, "etag": etag}
        if self._signer is None:
            raw = self._caller.call(doing, "fabric_members", **asked)
        else:
            nonce = secrets.token_hex(16)
            raw = self._caller.call(doing, "fabric_members", **asked, nonce=nonce)
            asked_so = ("fabric_members", nonce, physical_network, etag)
            raw = _signed(self._signer, raw, doing, *asked_so)
        return replies.read_fabric_members(raw, doing)

    def report_fabric(
        self, physical_network: str, etag: str, in_force: Collection[str]
    ) -> frozenset[str]:
        """Say of which ports the memberships of *etag* are in force.  Safe to repeat.

        Returns those that Neutron does not have, or has not bound to that physical network.
        """
        doing = f"tell Neutron what is in force on physical network {physical_network}"
        told: dict[str, Any] = {
            "physical_network": physical_network,
            "etag": etag,
            "in_force": sorted(in_force),
        }
        if self._signer is not None:
            at = int(time.time())
            signed = self._signer.sign("report_fabric", *told.values(), at)
            told |= {"at": at, "signature": signed}
        raw = self._caller.call(doing, "report_fabric", **told)
        if self._signer is not None:
            raw = _signed(self._signer, raw, doing, "reported", told["signature"])
        return replies.read_unknown(raw, doing)


def _signed(signer: Signer, raw: object, doing: str, *asked: object) -> object:
    """Return *raw* without its signature; TryLater where it is not Neutron's, of this question."""
    answer = dict(raw) if isinstance(raw, dict) else {}
    signature = answer.pop("signature", None)
    if signer.is_of(signature, *asked, answer):
        return answer
    what = "has no signature" if signature is None else "is signed with another key"
    raise TryLater(
        f"cannot {doing}: the answer {what}, so it is not believed: somebody may answer in"
        " Neutron's place; has every controller the key of this host in [infiniband]"
        " answer_key_file?"
    )


class _AgentHints:
    target = oslo_messaging.Target(version=RPC_VERSION)

    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge

    def port_hint(self, context: object, port_id: str | None = None, **_later: object) -> None:
        self._nudge()


class _FabricHints:
    target = oslo_messaging.Target(version=RPC_VERSION)

    def __init__(self, physical_networks: Collection[str], nudge: Callable[[], None]) -> None:
        self._physical_networks = frozenset(physical_networks)
        self._nudge = nudge

    def fabric_hint(self, context: object, physical_network: str, **_later: object) -> None:
        if physical_network in self._physical_networks:
            self._nudge()


class HintListener:
    """Calls a function for each hint that the driver casts; one connection to the broker."""

    def __init__(self, transport: Transport, topic: str, host: str, endpoint: object) -> None:
        self._transport = transport
        self._target = oslo_messaging.Target(topic=topic, server=host)
        self._endpoint = endpoint
        self._server: Server | None = None
        self._thread = threading.Thread(target=self._listen, name=f"hints {topic}", daemon=True)
        self._listening = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to listen, in a thread: it waits for the broker for as long as that takes."""
        self._thread.start()

    def wait_until_listening(self, timeout_s: float) -> bool:
        """Return whether hints are heard, waiting for it at most *timeout_s* seconds."""
        return self._listening.wait(timeout_s)

    def stop(self) -> None:
        """Listen no more; returns at once where the broker was never reached."""
        self._stopping.set()
        if self._listening.is_set() and self._server is not None:
            self._server.stop()
            self._server.wait()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            server: Server = oslo_messaging.get_rpc_server(
                self._transport, self._target, [self._endpoint]
            )
            # Registered by the call above.
            messaging_opts.set_defaults(
                self._transport.conf, executor_thread_pool_size=_HINT_THREADS
            )
            try:
                server.start()
            except _BROKER_AWAY as error:
                LOG.info("cannot hear hints of Neutron yet: %s", _first_line(error))
                self._stopping.wait(_LISTEN_AGAIN_S)
                continue
            self._server = server
            self._listening.set()
            return


def agent_hints(transport: Transport, host: str, nudge: Callable[[], None]) -> HintListener:
    """Return a listener for the hints that the driver casts to *host*'s ibstack-agent."""
    return HintListener(transport, AGENT_TOPIC, host, _AgentHints(nudge))


def fabric_hints(
    transport: Transport,
    host: str,
    physical_networks: Collection[str],
    nudge: Callable[[], None],
) -> HintListener:
    """Return a listener for the hints to every ibstack-fabricd about *physical_networks*."""
    return HintListener(transport, FABRIC_TOPIC, host, _FabricHints(physical_networks, nudge))


def _first_line(text: object) -> str:
    return (str(text).strip().splitlines() or ["(nothing said)"])[0]
