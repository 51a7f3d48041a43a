# SPDX-License-Identifier: Apache-2.0
"""Bad input to the commands for guests and for DHCP; what they do is in tests/e2e."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command_line import ibstack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("lab boot vm --network n --host h --client-id 20fa", "expected 2 to 255 colon-separated"),
        ("lab boot vm --network n --host h --dhcp-client dhcpcd", "invalid choice: 'dhcpcd'"),
        ("lab exec vm --lab somewhere -- true", "cannot run '--lab' in vm: options of"),
        ("lab exec vm ls --help", "it is not up; run `ibstack lab up`"),
        ("lab exec --lab .lab vm ping -q -v --debug", "it is not up; run `ibstack lab up`"),
        ("-q lab exec vm", "it is not up; run `ibstack lab up`"),
        ("lab exec vm -- true", "it is not up; run `ibstack lab up`"),
        ("lab ssh vm", "it is not up; run `ibstack lab up`"),
        ("lab console vm", "it is not up; run `ibstack lab up`"),
        ("dhcp watch --state-path nowhere", "cannot watch DHCP requests: "),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_sentence(
    arguments: str, said: str, tmp_path: Path
) -> None:
    done = ibstack(*arguments.split(), cwd=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
