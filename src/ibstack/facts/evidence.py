# SPDX-License-Identifier: Apache-2.0
"""What was collected from one host: texts of files and of commands, by name.

A file's name is its path without the first slash; a command's is `commands/` and the command line
with `_` for blanks, as in `commands/ethtool_-i_ib0`.  docs/reference/verify.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ibstack.formats.ini import IniText, NotIni

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.formats.ini import Keys

COMMANDS: Final = "commands/"
AGENT_CONF: Final = "etc/ibstack/agent.conf"
CMDLINE: Final = "proc/cmdline"
DMESG: Final = "commands/dmesg"
ESWITCHD_CONF: Final = "etc/ibstack/eswitchd.conf"
FABRICD_CONF: Final = "etc/ibstack/fabricd.conf"
HOST_SHOW: Final = "commands/ibstack_host_show"
IBSTAT: Final = "commands/ibstat"
IOMMUS: Final = "sys/class/iommu"
"""Names of what is in this folder, one a line: it is empty where no IOMMU is in use."""
LSCPU: Final = "commands/lscpu"
LSPCI: Final = "commands/lspci"
OPENSM_CONF: Final = "etc/opensm/opensm.conf"
OPENSM_CONF_RHEL: Final = "etc/rdma/opensm.conf"
PARTITIONS_CONF: Final = "etc/opensm/partitions.conf"
PARTITIONS_CONF_RHEL: Final = "etc/rdma/partitions.conf"
OS_RELEASE: Final = "etc/os-release"
OPENSM_HELP: Final = "commands/opensm_--help"
"""Its paths that are built in are in it."""
OPENSM_ARGS: Final = "commands/ps_-C_opensm_-o_args="
PCI_DEVICES: Final = "sys/bus/pci/devices"
PIP_FREEZE: Final = "commands/pip_freeze"
SA_DUMP: Final = "var/log/opensm-sa.dump"
SAQUERY: Final = "commands/saquery_-g"
SYSTEMCTL: Final = "commands/systemctl_show"
UNIT_FILES: Final = "commands/systemctl_list-unit-files"
TIMEDATECTL: Final = "commands/timedatectl_show"
NEUTRON_CONF: Final = "etc/neutron/neutron.conf"
ML2_CONF: Final = "etc/neutron/plugins/ml2/ml2_conf.ini"
DHCP_AGENT_INI: Final = "etc/neutron/dhcp_agent.ini"


@dataclass(frozen=True, slots=True)
class Missing:
    """A text that there is not."""

    why: str
    absent: bool = False
    """Known not to be on the host; False: it was not collected, or could not be read."""


NO_SUCH_FILE: Final = Missing("there is no such file", absent=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one host."""

    host: str
    texts: Mapping[str, str | Missing] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    """Folders that were collected whole: a file that is not among the texts is not there."""

    def text(self, name: str) -> str | Missing:
        """Return a file's text or a command's output."""
        if name in self.texts:
            return self.texts[name]
        if name.rpartition("/")[0] in self.folders:
            return NO_SUCH_FILE
        return Missing("it was not collected")

    def has(self, name: str) -> bool:
        return isinstance(self.texts.get(name), str)

    def matching(self, pattern: str) -> dict[str, str]:
        """Return what there is of the texts whose names fit *pattern*, in order of names."""
        return {
            name: text
            for name, text in sorted(self.texts.items())
            if isinstance(text, str) and fnmatchcase(name, pattern)
        }

    def ini(self, name: str) -> Keys | Missing:
        """Return the keys of an ini file as oslo.config reads them."""
        text = self.text(name)
        if isinstance(text, Missing):
            return text
        try:
            return IniText(text.encode(), shown(name)).keys()
        except NotIni as error:
            return Missing(str(error).partition("\n")[0])


def shown(name: str) -> str:
    """Return a name as a person knows it: `/etc/…` for a file, the words of a command."""
    if name.startswith(COMMANDS):
        return f"`{name.removeprefix(COMMANDS).replace('_', ' ')}`"
    return f"/{name}"


def last(keys: Keys, section: str, key: str) -> str | None:
    """Return the value that counts of an option; None where it is not set."""
    values = keys.get((section, key))
    return values[-1] if values else None


def words(text: str | None) -> list[str]:
    """Return the parts of a list with commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]
