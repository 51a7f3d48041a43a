# SPDX-License-Identifier: Apache-2.0
"""opensm.conf is read as OpenSM reads it, which is asked in each case."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ibstack.verify.check import State
from ibstack.verify.evidence import FABRICD_CONF, OPENSM_CONF
from ibstack.verify.fabric.opensm_conf import number, options
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "part_enforce\toff\n",
    "part_enforce  \t off  # for a while\n",
    'part_enforce "off"\n',
    'part_enforce "both" x\n',
    "part_enforce none\n",
    "#part_enforce off\n",
    "part_enforce=off\n",
    "part_enforce off\npart_enforce\tin\n",
    "\tpart_enforce off\r\n",
    "m_key\t0x1122334455667788\nm_key_protection_level\t2\n",
    "m_key 010\nm_key_protection_level 0x2\n",
    "sm_key 0x77\tx\nsa_key 0x\n",
    "sm_key\nsa_key 5x\n",
    "sminfo_polling_timeout\t \t1000 # ms\npolling_retry_number '2'\n",
    'polling_retry_number "2"\n',
    """polling_retry_number ""2""\npart_enforce 'off'\n""",
    """polling_retry_number "2'\nm_key " 2 "\nsm_key 1_0\n""",
]


def of_opensm(folder: Path, text: str) -> dict[str, str]:
    """Return what OpenSM makes of a configuration: what it would write of it."""
    given, written = folder / "given", folder / "written"
    given.write_text(text)
    argv = ["opensm", "-F", str(given), "-c", str(written)]
    subprocess.run(argv, capture_output=True, timeout=20, check=True)
    return dict(re.findall(r"^(\w+) (.*)$", written.read_text(), re.M))


@pytest.mark.real
@pytest.mark.parametrize("text", [*TEXTS, ""])
def test_each_option_is_what_opensm_takes_it_for(tmp_path: Path, text: str) -> None:
    if shutil.which("opensm") is None:
        pytest.skip("needs opensm: apt-get install opensm")
    judge = of_opensm(tmp_path, text)

    ours = options(host_with({OPENSM_CONF: text}))

    assert isinstance(ours, dict)
    for name, value in ours.items():
        same = value == judge[name] or (number(value) == number(judge[name]) is not None)
        assert same, f"{name}: {value}, OpenSM takes it for {judge[name]}"


@pytest.mark.parametrize("text", ["part_enforce\toff\n", 'part_enforce \t"off" # why\n'])
def test_enforcement_that_is_switched_off_behind_a_tab_fails(text: str) -> None:
    host = host_with({FABRICD_CONF: "[fabric]\n", OPENSM_CONF: text})

    assert said_by("enforcement-on", host)[0].state is State.FAILED
