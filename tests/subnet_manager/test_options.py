# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable
from pathlib import Path

import pytest
from oslo_config import cfg

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.subnet_manager.fabricd import options
from ibstack.subnet_manager.settings import FabricdSettings


def settings(tmp_path: Path, lines: Iterable[str]) -> FabricdSettings:
    path = tmp_path / "fabricd.conf"
    path.write_text("\n".join(["[fabric]", *lines, ""]))
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf(["--config-file", str(path)])
    return options.read_settings(conf)


def test_a_physical_network_is_enough(tmp_path: Path) -> None:
    found = settings(tmp_path, ["physical_network = ibhostnet"])

    assert found.partitions_conf == Path("/etc/opensm/partitions.conf")
    assert found.fabric.owned_keys == DEFAULT_OWNED_KEYS
    assert found.fabric.serves_vports is None
    assert found.reload_command == ()


def test_each_option_is_read(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        [
            "physical_network = ibhostnet",
            "full_default_members = 0x11, 00:00:00:00:00:00:00:12",
            "reload_command = podman kill --signal HUP 'open sm'",
            "m_key = 0xff",
            "serves_vports = yes",
            "site_partitions = /etc/ibstack/site.conf",
        ],
    )

    assert found.fabric.full_default == {Guid(0x11), Guid(0x12)}
    assert found.reload_command == ("podman", "kill", "--signal", "HUP", "open sm")
    assert found.m_key == 0xFF
    assert found.fabric.serves_vports is True
    assert found.fabric.site_partitions == Path("/etc/ibstack/site.conf")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["physical_network = "],
        ["physical_network = x", "owned_keys = 0x0001-0x7ff0"],
        ["physical_network = x", "owned_keys = 5-4"],
        ["physical_network = x", "full_default_members = 0x0"],
        ["physical_network = x", "reload_command = a 'b"],
        ["physical_network = x", "m_key = -1"],
    ],
)
def test_nonsense_is_refused(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(BadValue):
        settings(tmp_path, lines)


def test_every_option_explains_itself_and_none_is_an_order() -> None:
    listed = options.list_fabricd_options()

    assert [group for group, _ in listed] == ["DEFAULT", "fabric", "metrics"]
    assert all(option.help for _, found in listed for option in found)
    assert "restore" not in {option.name for _, found in listed for option in found}
