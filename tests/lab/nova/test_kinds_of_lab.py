# SPDX-License-Identifier: Apache-2.0
"""A lab plays nova or has the real one, and does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack_lab.cloud import Cloud
from ibstack_lab.nova import settings
from ibstack_lab.nova.controller import folder_of
from ibstack_lab.services import accounts
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from pathlib import Path

COMMON = settings.CommonSettings("http://127.0.0.1:1/v3", "secret", "rabbit://lab:secret@h:2/")


def lab_that_is_up(folder: Path, *, has_nova: bool) -> Cloud:
    cloud = Cloud(folder / "lab")
    cloud.lab.service("mariadb").mkdir(parents=True)
    if has_nova:
        folder_of(cloud.lab).mkdir()
    return cloud


@pytest.mark.parametrize(("has_nova", "why"), [(True, "has the real nova"), (False, "plays nova")])
def test_a_lab_keeps_the_nova_that_it_was_started_with(
    tmp_path: Path, has_nova: bool, why: str
) -> None:
    cloud = lab_that_is_up(tmp_path, has_nova=has_nova)

    with pytest.raises(BadInput, match=f"{why}; run `ibstack lab down` first"):
        cloud.up(with_nova=not has_nova)

    assert cloud.lab.service("mariadb").exists()


def test_the_components_are_those_of_its_nova(tmp_path: Path) -> None:
    cloud = lab_that_is_up(tmp_path, has_nova=False)
    played = set(cloud.names)
    folder_of(cloud.lab).mkdir()

    differ = played ^ set(cloud.names)

    assert differ == {
        *("nova-events", "placement", "images", "guests"),
        *("nova-api", "nova-conductor", "nova-scheduler"),
        *("nova-compute-node002", "nova-compute-node003"),
    }


@pytest.mark.parametrize(("name", "product"), [("node002", "1004"), ("node003", "101c")])
def test_a_host_gives_its_own_vfs_and_reaches_no_database(
    tmp_path: Path, name: str, product: str
) -> None:
    kind = ARTICLE.host(name).kind
    assert kind is not None

    text = settings.nova_host(COMMON, accounts.NOVA, tmp_path, name, kind, tmp_path / "instances")

    spec = f'{{"vendor_id": "15b3", "product_id": "{product}", "physical_network": "ibhostnet"}}'
    assert f"device_spec = {spec}\n" in text
    assert f"host = {name}\n" in text
    assert "database]" not in text
