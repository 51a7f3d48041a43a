# SPDX-License-Identifier: Apache-2.0
"""A collection: a folder with what was read of a site, to be looked at elsewhere or later.

`fabric.json`, `agents.json`, `roles.json`, and of each host HOST/etc/…, HOST/proc/cmdline,
HOST/commands/….  Output of commands is found in a sosreport's sos_commands/PLUGIN/ too.  Symbolic
links are not followed.  Keys and passwords are hidden when a collection is written.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.facts.cloud.agents import dump_agents, load_agents
from ibstack.facts.cloud.roles import dump_roles, load_roles
from ibstack.facts.collected_files import content_of, is_collected, names_below
from ibstack.facts.evidence import (
    COMMANDS,
    IOMMUS,
    NO_SUCH_FILE,
    OPENSM_ARGS,
    PCI_DEVICES,
    Evidence,
    Missing,
)
from ibstack.facts.fabric import recorded
from ibstack.facts.fabric.groups import sa_dump_name
from ibstack.facts.fabric.opensm_keys import HIDDEN, hidden_argument, hidden_key
from ibstack.facts.neutron_files import PUPPET
from ibstack.facts.opensm_files import config_names, partitions_names
from ibstack.facts.site import Site
from ibstack.formats.opensm.command_line import with_keys_replaced
from ibstack.formats.secrets import WORDS
from ibstack.formats.vf_requests import ELSEWHERE

if TYPE_CHECKING:
    from pathlib import Path

FABRIC: Final = "fabric.json"
AGENTS: Final = "agents.json"
ROLES: Final = "roles.json"
UNREAD: Final = "not-collected"
"""In a host's folder: what could not be read, as NAME: WHY; `absent` where there is none."""

_ABSENT: Final = "absent"
_PARTS: Final = ("etc", "proc", "commands", PUPPET)
_SYSFS: Final = (IOMMUS, f"{PCI_DEVICES}/*/sriov_numvfs")
"""What is looked for below sys/: a sosreport has thousands of other files there."""
_SOS: Final = "sos_commands"
# A name with its value, in ini files and in OpenSM's.
_SECRET: Final = re.compile(
    r"^([ \t#;]*(?:((?:m|sm|sa|cc)_key)|psk"
    rf"|[\w-]*(?:{'|'.join(WORDS)})\w*)[ \t]*[=: \t])[ \t]*(\S.*)$",
    re.M | re.I,
)


def load(folder: Path) -> Site:
    """Return what *folder* holds; BadInput where it is no collection."""
    try:
        hosts = sorted(each for each in folder.iterdir() if each.is_dir())
    except OSError as error:
        raise BadInput(f"cannot read a collection in {folder}: {error.strerror}") from error
    found = {host.name: _host(host) for host in hosts if _is_host(host)}
    fabric, agents, roles = folder / FABRIC, folder / AGENTS, folder / ROLES
    if not found and not any(each.exists() for each in (fabric, agents, roles)):
        raise BadInput(
            f"cannot read a collection in {folder}: expected {folder}/HOST/etc/…, {FABRIC},"
            f" {AGENTS} or {ROLES}; `ibstack verify host --write {folder}` makes one"
        )
    return Site(
        found,
        recorded.load(_text(fabric), str(fabric)) if fabric.exists() else _none(fabric),
        load_agents(_text(agents), str(agents)) if agents.exists() else _none(agents),
        load_roles(_text(roles), str(roles)) if roles.exists() else _none(roles),
    )


def save(site: Site, folder: Path) -> None:
    """Write what is known of *site* into *folder*, beside what is there of other hosts."""
    try:
        for host in site.hosts.values():
            _save_host(host, folder / host.host)
        folder.mkdir(parents=True, exist_ok=True)
        if not isinstance(site.fabric, Missing):
            (folder / FABRIC).write_text(recorded.dump(site.fabric))
        if not isinstance(site.agents, Missing):
            (folder / AGENTS).write_text(dump_agents(site.agents))
        if not isinstance(site.roles, Missing):
            (folder / ROLES).write_text(dump_roles(site.roles))
    except OSError as error:
        raise IbstackError(f"cannot write a collection to {folder}: {error}") from error


def hidden(text: str, name: str = "") -> str:
    """Return *text* without keys and passwords; of OpenSM's keys the defaults stay, being none.

    *name*: what of a host it is, where that is known.
    """
    if name == OPENSM_ARGS:
        lines = text.splitlines(keepends=True)
        return "".join(with_keys_replaced(line, hidden_argument) for line in lines)

    def replaced(found: re.Match[str]) -> str:
        mark = hidden_key(found[3]) if found[2] else HIDDEN
        return found[0] if mark == found[3] else f"{found[1].rstrip()} {mark}"

    return _SECRET.sub(replaced, text)


def _none(file: Path) -> Missing:
    return Missing(f"there is no {file}")


def _is_host(folder: Path) -> bool:
    return any((folder / part).exists() for part in (*_PARTS, IOMMUS, _SOS, UNREAD))


def _host(folder: Path) -> Evidence:
    texts = _not_collected(folder)
    whole = set()
    for part in _PARTS:
        for name in names_below(folder, part):
            whole.add(name.rpartition("/")[0])
            texts[name] = _text(folder / name)
    for part in ELSEWHERE:
        texts |= {name: _text(folder / name) for name in names_below(folder, part)}
    for path in (found for pattern in _SYSFS for found in sorted(folder.glob(pattern))):
        texts |= _one(folder, str(path.relative_to(folder)))
    for name in names_below(folder, _SOS):
        texts.setdefault(COMMANDS + name.rpartition("/")[2], _text(folder / name))
    whole |= _whole(folder / "etc", "etc")
    host = Evidence(folder.name, texts, frozenset(whole - {COMMANDS.rstrip("/")}))
    for find in (config_names, partitions_names, lambda known: [sa_dump_name(known)]):
        for name in (each for each in find(host) if each not in texts):
            texts |= _one(folder, name)
    return host


def _not_collected(folder: Path) -> dict[str, str | Missing]:
    texts: dict[str, str | Missing] = {}
    for line in _text(folder / UNREAD).splitlines() if (folder / UNREAD).exists() else ():
        name, _, why = line.partition(": ")
        texts[name] = NO_SUCH_FILE if why == _ABSENT else Missing(why)
    return texts


def _one(folder: Path, name: str) -> dict[str, str]:
    """Return the text of a file below *folder*; nothing where it is a link, or not there."""
    return {name: _text(folder / name)} if is_collected(folder, name) else {}


def _whole(root: Path, name: str) -> set[str]:
    """Return the folders that are there, also those with no file."""
    return {
        f"{name}/{os.path.relpath(folder, root)}".removesuffix("/.")
        for folder, _, _ in os.walk(root)
    }


def _text(path: Path) -> str:
    # Not as text, which would lose the carriage returns that OpenSM refuses.
    return content_of(path).decode("utf-8", "replace")


def _save_host(host: Evidence, folder: Path) -> None:
    unread = []
    folder.mkdir(parents=True, exist_ok=True)
    for name in host.folders:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in sorted(host.texts.items()):
        if isinstance(text, Missing):
            unread.append(f"{name}: {_ABSENT if text.absent else text.why}\n")
        else:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(hidden(text, name), encoding="utf-8")
    (folder / UNREAD).write_text("".join(unread), encoding="utf-8")
