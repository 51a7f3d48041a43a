# SPDX-License-Identifier: Apache-2.0
"""What Neutron answers the agents, and what it does when they report: topic `ibstack-plugin`."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import oslo_messaging
from neutron.plugins.ml2 import db as ml2_db
from neutron_lib import constants, rpc
from neutron_lib.db import api as db_api
from neutron_lib.plugins import directory
from oslo_config import cfg

from ibstack.fabric.errors import Refused
from ibstack.fabric.neutron_names import IB_FABRIC, IB_HOST
from ibstack.neutron.protocol.conventions import PLUGIN_TOPIC, RPC_VERSION
from ibstack.neutron.protocol.signature import REPORT_VALID_S, Signer
from ibstack.neutron.server import desired, desired_tables, provisioning, tables
from ibstack.neutron.server.fabric_answer import fabric_answer, is_stamped, stamp_of
from ibstack.neutron.server.host_answer import host_answer
from ibstack.neutron.server.revision_stamp import revision_stamp
from ibstack.neutron.server.senders import Senders

if TYPE_CHECKING:
    from collections.abc import Collection

    from ibstack.neutron.server.desired import Answer
    from ibstack.neutron.server.options import Settings

LOG = logging.getLogger(__name__)

# The service plugin that counts revisions; every Neutron loads it unasked.
_REVISIONS: Final = "revision_plugin"
# How long a stamp may say that nothing has changed, in seconds.
_BELIEVED_S: Final = 3600
_NAMED: Final = 3


def start_listener(settings: Settings) -> list[Any]:
    """Serve the agents in this process; returns the servers, which Neutron stops and waits for."""
    connection = rpc.Connection()
    connection.create_consumer(PLUGIN_TOPIC, [PluginEndpoint(settings)], fanout=False)
    return list(connection.consume_in_threads())


class PluginEndpoint:
    """The methods of docs/reference/protocols.md, "RPC with Neutron".

    Every one may be called from many threads, and repeated.
    """

    target = oslo_messaging.Target(version=RPC_VERSION)

    def __init__(self, settings: Settings) -> None:
        self._owned = settings.owned_keys
        self._signer = Signer.read(settings.answer_key_file)
        self._unsigned_too = settings.accept_unsigned_reports
        self._senders = Senders()

    @db_api.retry_if_session_inactive()
    def host_ports(
        self, context: Any, host: str, etag: str | None = None, **_later: object
    ) -> Answer:
        return host_answer(desired_tables.host_rows(context, host), self._owned, etag)

    def fabric_members(
        self,
        context: Any,
        physical_network: str,
        etag: str | None = None,
        nonce: str | None = None,
        **_later: object,
    ) -> Answer:
        answer: Answer = self._members(context, physical_network, etag)
        if self._signer is None or nonce is None:
            return answer
        signed = self._signer.sign("fabric_members", nonce, physical_network, etag, answer)
        return {**answer, "signature": signed}

    @db_api.retry_if_session_inactive()
    def _members(self, context: Any, physical_network: str, etag: str | None) -> Answer:
        period = int(time.time() // _BELIEVED_S)
        # All of one moment, where the database keeps one for a transaction.  Where it does not,
        # what changes after the stamp was made makes the next one another.
        with db_api.CONTEXT_READER.using(context):
            waiting = desired_tables.waiting_for_fabric(context)
            stamp = stamp_of(revision_stamp(context, waiting), self._owned, period)
            if is_stamped(etag, stamp) and directory.get_plugin(_REVISIONS):
                return {"etag": etag, "members": None, "held": None}
            rows = desired_tables.fabric_rows(context, physical_network, waiting)
        fabric = desired.Fabric(physical_network, self._owned)
        return fabric_answer(rows, fabric, etag, stamp)

    def report_host(
        self,
        context: Any,
        host: str,
        ready: list[str],
        gone: list[str],
        failed: Collection[str] = (),
        instance: object = None,
        **_later: object,
    ) -> dict[str, Any]:
        self._senders.heard_report(host, instance, tables.instance_of(context, host))
        found = tables.bindings_on(context, host, {*ready, *gone, *failed})
        _send_hints(context, host, {*ready, *failed} - found.keys())
        here = {port_id for port_id, (binding, _) in found.items() if binding == constants.ACTIVE}
        for port_id in here & {*gone}:
            self._set_down(context, host, port_id, constants.PORT_STATUS_DOWN)
        for port_id in here & {*failed}:
            # Neutron tells nova of ERROR that the plug has failed, which ends its wait.
            self._set_down(context, host, port_id, constants.PORT_STATUS_ERROR)
        for port_id in (found.keys() - here) & {*ready}:
            _notify_nova(context, port_id)
        return {
            "unknown": sorted({*ready, *gone, *failed} - found.keys()),
            "down": self._set_ready(context, here & {*ready}),
        }

    # As an answer, without a traceback in the log.
    @oslo_messaging.expected_exceptions(Refused)
    def report_fabric(
        self,
        context: Any,
        physical_network: str,
        etag: str,
        in_force: list[str],
        at: object = None,
        signature: object = None,
        **_later: object,
    ) -> Answer:
        self._judge(signature, at, physical_network, etag, in_force)
        with db_api.CONTEXT_READER.using(context):
            bound = desired_tables.bound_on_fabric(context, physical_network)
            waiting = bound.intersection(desired_tables.waiting_for_fabric(context))
        for port_id in in_force:
            # Without the block there is nothing to say: a port that is DOWN for another reason
            # must not become ACTIVE because its partition is in force.
            if port_id in waiting:
                provisioning.complete(context, port_id, IB_FABRIC)
        answer: Answer = {"unknown": sorted(set(in_force) - bound)}
        if self._signer is None or signature is None:
            return answer
        # Else who takes the report away could say that it was heard, and it is not said again.
        return {**answer, "signature": self._signer.sign("reported", signature, answer)}

    def _judge(self, signature: object, at: object, *told: object) -> None:
        """Raise Refused where a report is not fabricd's word of now."""
        if self._signer is None or (signature is None and self._unsigned_too):
            return
        why = "" if signature is not None else "it has no signature"
        if signature is not None and not self._signer.is_of(signature, "report_fabric", *told, at):
            why = "it is signed with another key"
        if not why and not (isinstance(at, int) and abs(time.time() - at) <= REPORT_VALID_S):
            why = f"it was signed {at!r}, too long ago, or the clocks differ"
        if why:
            LOG.warning("a report of physical network %r is not believed: %s", told[0], why)
            raise Refused(
                f"cannot believe the report of what is in force: {why}; has this ibstack-fabricd"
                " the key of the controllers in [fabric] answer_key_file?"
            )

    @staticmethod
    def _set_down(context: Any, host: str, port_id: str, status: str) -> None:
        # The block comes first: a report of the fabric in between must not find the port without.
        provisioning.add(context, port_id, IB_HOST)
        directory.get_plugin().update_port_status(context, port_id, status, host)

    @staticmethod
    def _set_ready(context: Any, port_ids: Collection[str]) -> dict[str, list[str]]:
        """Complete what hosts complete; return what those wait for that are still not ACTIVE."""
        before = provisioning.waiting(context, port_ids)
        for port_id, entities in before.items():
            if not entities:
                # Something else has set it DOWN, a completion was lost, or one is under way.
                LOG.debug("port %s waits for nothing and is not ACTIVE: make it so", port_id)
            if not entities or IB_HOST in entities:
                provisioning.complete(context, port_id, IB_HOST)
        after = provisioning.waiting(context, before)
        return {port_id: sorted(entities) for port_id, entities in after.items()}


def _send_hints(context: Any, host: str, port_ids: Collection[str]) -> None:
    """Log which of *port_ids*, of which *host* has no binding, are another host's.

    That a port is gone is no such word: who had it before a migration says so.
    """
    elsewhere = tables.bound_elsewhere(context, host, port_ids) if port_ids else {}
    if elsewhere:
        named = [f"{one} (of host {elsewhere[one]!r})" for one in sorted(elsewhere)[:_NAMED]]
        LOG.warning(
            "host %r reports the state of %d ports that are not bound to it, and nothing is changed"
            " by that: %s",
            host,
            len(elsewhere),
            ", ".join(named),
        )


def _notify_nova(context: Any, port_id: str) -> None:
    """Tell nova that the destination of a live migration is plugged; it waits for that.

    As neutron/plugins/ml2/rpc.py, update_device_up() does: the status stays that of the source.
    """
    port = ml2_db.get_port(context, port_id)
    plugin = directory.get_plugin()
    if (
        port is not None
        and port.device_owner.startswith(constants.DEVICE_OWNER_COMPUTE_PREFIX)
        and cfg.CONF.notify_nova_on_port_status_changes
        and hasattr(plugin, "nova_notifier")
    ):
        plugin.nova_notifier.notify_port_active_direct(port)
