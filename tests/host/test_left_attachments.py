# SPDX-License-Identifier: Apache-2.0
"""Lost del-ports and bindings in change: ebrctl, a real eswitchd and the agent's loop together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack_lab.services.neutron_stand_in import BETWEEN
from one_host import BLUE, OneHost, eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from ibstack_lab.services.neutron_stand_in import StandInPort

pytestmark = pytest.mark.real

ONE, TWO = "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f10", "6f3c0e42-9f0e-4b8e-9d3b-0e5a7c1d2f11"


@pytest.fixture(params=AdapterKind, ids=lambda kind: kind.value)
def host(request: pytest.FixtureRequest) -> Iterator[OneHost]:
    with OneHost(request.param) as started:
        yield started


def add_port(host: OneHost, port: StandInPort) -> subprocess.CompletedProcess[str]:
    assert port.pci is not None
    return host.ebrctl(
        *("add-port", port.mac, port.device_id, port.physical_network, "ib_hostdev", port.pci)
    )


def boot(host: OneHost, port: StandInPort) -> None:
    host.create(port)
    done = add_port(host, port)
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: host.is_live(port), what=f"{port.id} is live")


def states(host: OneHost) -> dict[str, str]:
    return {each.mac: each.state.value for each in host.eswitch.read().attachments}


def first(host: OneHost) -> StandInPort:
    return replace(host.port(0), device_id=ONE)


def second(host: OneHost) -> StandInPort:
    """Return a port of another tenant on the same VF."""
    mac = "fa:16:3e:00:09:09"
    return replace(host.port(0), id="port-00", mac=mac, entry=BLUE, device_id=TWO)


def test_a_server_deleted_while_nova_compute_is_down_does_not_block_its_vf(host: OneHost) -> None:
    boot(host, first(host))
    host.neutron.delete("port-0")
    eventually(lambda: states(host) == {first(host).mac: "left"}, what="it is named")
    assert host.vf(0).entry is None

    boot(host, second(host))
    assert states(host) == {second(host).mac: "programmed"}


def test_nor_where_the_next_plug_comes_before_the_agent_has_heard(host: OneHost) -> None:
    boot(host, first(host))
    host.stop_agent()
    host.neutron.delete("port-0")
    host.create(second(host))
    host.start_agent()

    assert add_port(host, second(host)).returncode == 0
    eventually(lambda: host.is_live(second(host)))


def test_the_boot_fails_at_once_while_the_deleted_server_still_runs(host: OneHost) -> None:
    boot(host, first(host))
    host.hardware.pass_through(0, is_open=True)
    host.neutron.delete("port-0")
    host.create(second(host))

    done = add_port(host, second(host))

    assert done.returncode == 1
    assert f"a guest still has VF {host.pci(0)} (driver vfio-pci)" in done.stderr
    assert f"instance {ONE}" in done.stderr
    assert host.vf(0).entry is None
    eventually(lambda: host.neutron.status("port-00") == "ERROR", what="nova need not wait")

    host.hardware.pass_through(0, is_open=False)
    assert add_port(host, second(host)).returncode == 0


def test_the_same_port_for_another_server_does_not_bring_the_old_guest_back(host: OneHost) -> None:
    port = first(host)
    boot(host, port)
    host.hardware.pass_through(0, is_open=True)
    host.neutron.change(port.id, host="", pci=None, device_id="")
    again = replace(port, device_id=TWO)
    host.neutron.change(port.id, host=port.host, pci=port.pci, device_id=TWO)

    eventually(lambda: states(host) == {port.mac: "left"})
    assert add_port(host, again).returncode == 1
    assert states(host) == {port.mac: "left"}
    assert host.vf(0).entry is None
    eventually(lambda: host.neutron.status(port.id) == "ERROR")

    host.hardware.pass_through(0, is_open=False)
    assert add_port(host, again).returncode == 0
    eventually(lambda: host.is_live(again))


def test_what_a_failed_live_migration_left_gives_way_to_the_next(host: OneHost) -> None:
    port = replace(first(host), binding="INACTIVE", status="ACTIVE")
    host.create(port)
    assert add_port(host, port).returncode == 0
    host.neutron.change(port.id, host="source", status="ACTIVE")
    eventually(lambda: states(host) == {port.mac: "left"}, what="nothing moves here any more")

    again = replace(port, pci=str(host.pci(1)))
    host.neutron.change(port.id, host=port.host, pci=again.pci, status="ACTIVE")

    assert add_port(host, again).returncode == 0
    (only,) = host.eswitch.read().attachments
    assert only.pci == host.pci(1)
    assert host.vf(0).guid is None


def test_of_two_ports_that_neutron_has_the_second_is_refused(host: OneHost) -> None:
    boot(host, first(host))
    host.create(second(host))

    done = add_port(host, second(host))

    assert done.returncode == 1
    assert f"VF {host.pci(0)} is attached to {first(host).mac}" in done.stderr
    assert host.vf(0).guid == Guid.from_mac(first(host).mac)


def test_a_vf_stays_as_it_is_while_its_binding_changes(host: OneHost) -> None:
    port = first(host)
    boot(host, port)
    writes = host.eswitch.counts()["configure", "done"]

    host.neutron.change(port.id, binding=BETWEEN, status="DOWN")
    asked = host.neutron.questions
    eventually(lambda: host.neutron.questions > asked + 2, what="the agent has seen it")
    assert str(host.vf(0).entry) == port.entry
    host.neutron.change(port.id, binding="ACTIVE", status="DOWN")

    eventually(lambda: host.is_live(port), what="the agent says again that it is ready")
    assert host.eswitch.counts()["configure", "done"] == writes


def test_a_port_that_stays_unbound_is_cleared_whatever_neutron_goes_on_to_tell(
    host: OneHost,
) -> None:
    port = first(host)
    boot(host, port)

    host.neutron.change(port.id, binding=BETWEEN, status="DOWN")

    eventually(lambda: states(host) == {port.mac: "left"}, what="the stated time is over")
    assert host.vf(0).entry is None


def test_another_port_on_that_vf_clears_it_at_once(host: OneHost) -> None:
    port = first(host)
    boot(host, port)
    host.neutron.change(port.id, binding=BETWEEN, status="DOWN")

    boot(host, second(host))
    assert states(host) == {second(host).mac: "programmed"}
