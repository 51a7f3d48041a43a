# SPDX-License-Identifier: Apache-2.0
"""The options of the driver: defaults, refusals, and the sample that operators read."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from oslo_config import cfg, generator

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import ClientIdForm
from ibstack.neutron.server.options import Settings, list_driver_options, read_settings


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "ml2.ini"
    path.write_text(f"[infiniband]\n{text}")
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)])
    return read_settings(conf)


def test_an_empty_section_is_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Settings()


def test_each_option_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "network_types = vlan\n"
        "owned_keys = 0x0010-4094\n"
        "client_id_form = legacy\n"
        "physical_networks = ib0net, ib1net\n",
    )

    assert found.network_types == ("vlan",)
    assert str(found.owned_keys) == "0x0010-0x0ffe"
    assert found.client_id_form is ClientIdForm.LEGACY
    assert found.physical_networks == {"ib0net", "ib1net"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("network_types = vxlan\n", cfg.ConfigFileValueError),
        ("client_id_form = other\n", cfg.ConfigFileValueError),
        ("owned_keys = all\n", cfg.ConfigFileValueError),
        ("owned_keys = 0x0020-0x0010\n", BadValue),
        ("owned_keys = 0x0000-0x0010\n", BadValue),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(tmp_path, text)


def test_the_generator_writes_a_sample_with_help_for_each_option(tmp_path: Path) -> None:
    sample = tmp_path / "sample.ini"

    generator.main(["--namespace", "ibstack.driver", "--output-file", str(sample)])

    text = sample.read_text()
    assert "[infiniband]" in text
    assert "#owned_keys = 0x0001-0x7fef" in text
    assert all(option.help for _, options in list_driver_options() for option in options)


def test_the_entry_point_is_installed() -> None:
    (found,) = entry_points(group="oslo.config.opts", name="ibstack.driver")

    assert found.load() is list_driver_options
