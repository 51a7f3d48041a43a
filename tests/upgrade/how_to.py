# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/how-to/upgrade-from-networking-mlnx.md, run on files of a test."""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from pathlib import Path
from typing import Final

HOW_TO: Final = Path(__file__).parents[2] / "docs/how-to/upgrade-from-networking-mlnx.md"
USER: Final = pwd.getpwnam("nobody")
"""Stands for neutron, which this machine need not have."""
GROUP: Final = grp.getgrgid(USER.pw_gid).gr_name
BARE: Final = (
    *("setpriv", "--reuid", str(USER.pw_uid), "--regid", str(USER.pw_gid), "--clear-groups"),
    "--bounding-set=-all",
)
AS_USER: Final = (
    *BARE[:-1],
    # It may read all, for the interpreter may be anywhere, and connect to nothing that is shut.
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
)


def follow(eswitchd: Path, agent: Path, etc: Path) -> tuple[Path, Path]:
    """Run what it says of a compute host's files; return the two that are in *etc* then.

    *eswitchd* and *agent*: the former files.
    """
    text = HOW_TO.read_text().partition("**3. Each compute host.**")[2].partition("**4. ")[0]
    for command in re.findall(r"^# ((?:install|printf) .*)$", text, re.MULTILINE):
        for theirs, here in (
            ("/etc/neutron/plugins/ml2/eswitchd.conf", str(eswitchd)),
            ("/etc/neutron/plugins/mlnx/mlnx_conf.ini", str(agent)),
            ("/etc/ibstack", str(etc)),
            ("group = neutron", f"group = {GROUP}"),
            ("-g neutron", f"-g {GROUP}"),
        ):
            command = command.replace(theirs, here)
        subprocess.run(("sh", "-ec", command), check=True)
    return etc / "eswitchd.conf", etc / "agent.conf"
