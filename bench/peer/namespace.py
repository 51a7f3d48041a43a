# SPDX-License-Identifier: Apache-2.0
"""A network namespace with what the peer's eswitchd looks for: a link called ib0."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from ibstack_lab.topology import INTERFACE

_MARK: Final = "IBSTACK_BENCH_NAMESPACE"


def enter() -> None:
    """Run this program again in a network namespace of its own; return there.

    Its eswitchd sets the link up by netlink, where a fake sysfs does not help: any kind of link
    does.
    """
    if not os.environ.get(_MARK):
        argv = ("unshare", "--net", sys.executable, *sys.orig_argv[1:])
        os.execvpe(argv[0], argv, {**os.environ, _MARK: "1"})
    for words in (
        ("link", "set", "lo", "up"),
        ("link", "add", INTERFACE, "type", "veth", "peer", "name", f"{INTERFACE}-end"),
    ):
        subprocess.run(("ip", *words), check=True)
