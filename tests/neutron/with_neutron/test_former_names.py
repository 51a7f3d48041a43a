# SPDX-License-Identifier: Apache-2.0
"""Class paths that sites have in their files go on working for a release, and say so once."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("dhcp_driver", "Dnsmasq"),
        ("interface_driver", "IpoibInterfaceDriver"),
        ("interface_driver", "MultiInterfaceDriver"),
    ],
)
def test_a_former_class_path_is_the_same_class_and_warns_once(module: str, name: str) -> None:
    former = f"ibstack.neutron.{module}.{name}"
    script = (
        "import logging; logging.basicConfig(format='%(message)s')\n"
        "from oslo_utils import importutils\n"
        f"found = [importutils.import_class({former!r}) for _ in range(2)]\n"
        f"now = importutils.import_class('ibstack.neutron.agents.{module}.{name}')\n"
        "print(found == [now, now])\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )

    assert done.stdout == "True\n", done.stderr
    assert done.stderr.count(f"ibstack.neutron.{module} is a former name") == 1
