# SPDX-License-Identifier: Apache-2.0
"""The names in `interface_driver =`, and that their methods are called as Neutron calls them."""

from __future__ import annotations

import inspect
import warnings
from importlib.metadata import entry_points
from typing import Any, Final

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neutron.agent.common import utils
    from neutron.agent.linux import interface
    from neutron.conf.agent import common as agent_options
    from oslo_config import cfg

_NAMES: Final = ("ipoib", "multi")
_CALLED: Final = ("plug", "plug_new", "unplug", "init_l3", "set_mtu")


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    made = cfg.ConfigOpts()
    agent_options.register_interface_opts(made)
    agent_options.register_interface_driver_opts_helper(made)
    made([], default_config_files=[])
    return made


@pytest.mark.parametrize("name", _NAMES)
def test_neutron_loads_the_driver_by_its_name(conf: cfg.ConfigOpts, name: str) -> None:
    conf.set_override("interface_driver", name)

    # `multi` has `openvswitch` for all other networks, unless told otherwise: the real one.
    driver = utils.load_interface_driver(conf, lambda *_args: [])

    assert isinstance(driver, interface.LinuxInterfaceDriver)


@pytest.mark.parametrize("method", _CALLED)
@pytest.mark.parametrize("name", _NAMES)
def test_what_neutron_may_give_is_taken(name: str, method: str) -> None:
    (ours,) = entry_points(group="neutron.interface_drivers", name=name)
    given = inspect.signature(getattr(interface.LinuxInterfaceDriver, method))

    taken = inspect.signature(getattr(ours.load(), method))

    names = [each.name for each in given.parameters.values()]
    positional: list[Any] = [object()] * len(names)
    taken.bind(*positional)
    taken.bind(positional[0], **dict.fromkeys(names[1:]))
