# SPDX-License-Identifier: Apache-2.0
"""A private fabric for each test: ibsim and real OpenSMs, in a folder that goes away.

A test that wants these on a machine without them is skipped, and says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NEEDED = {"ibsim": "ibsim-utils", "opensm": "opensm"}


@pytest.fixture
def enforcement_cap() -> int | None:
    """A file whose tests need switches that remember what they enforce says how much fits them."""
    return None


@pytest.fixture
def wires(tmp_path: Path, enforcement_cap: int | None) -> Iterator[Fabric]:
    """ibsim with the article's hosts cabled to it, and no subnet manager: 0.1 s."""
    missing = [package for program, package in _NEEDED.items() if not shutil.which(program)]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    fabric = Fabric.of_lab(tmp_path, ARTICLE)
    try:
        fabric.start(enforcement_cap=enforcement_cap)
        yield fabric
    finally:
        fabric.stop()


@pytest.fixture
def fabric(wires: Fabric) -> Fabric:
    """The wires with both OpenSMs running, head as master and node001 as standby: 0.2 s."""
    for host in wires.topology.subnet_manager_hosts:
        wires.start_subnet_manager(host.name)
    return wires


@pytest.fixture
def on_fabric(wires: Fabric) -> Callable[..., str]:
    """Run a program attached to the fabric at a host's port; return what it printed.

    `on_fabric("head", "smpquery", "pkeys", "1")`; a first word of "python" is this interpreter.
    """

    def run(host: str, *argv: str) -> str:
        words = [sys.executable, *argv[1:]] if argv[0] == "python" else list(argv)
        done = subprocess.run(
            words,
            env={**os.environ, **wires.client_env(host)},
            cwd=wires.client_cwd(host),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{argv} exited {done.returncode}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def reader_at(wires: Fabric) -> Iterator[Callable[[str], FabricReader]]:
    """Read the fabric from a node, in this process: `reader_at("head").discover()`."""
    with ExitStack() as opened:

        def read(node: str) -> FabricReader:
            attachment = Attachment(wires, node)
            opened.callback(attachment.close)
            return FabricReader(attachment)

        yield read
