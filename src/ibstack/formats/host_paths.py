# SPDX-License-Identifier: Apache-2.0
"""Which of several folders' files count, as kmod and systemd have it.

A file of one name counts once, from the first folder that has it; those that count are read in the
order of their names.  Sources: modprobe.d(5), udev(7), systemd.link(5), each "CONFIGURATION
DIRECTORIES AND PRECEDENCE"; seen on kmod 30 (tests/real/test_modprobe_options.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOTS: Final = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
"""By precedence.  Where /lib is /usr/lib, both have the same files."""


def folders(below: str) -> tuple[str, ...]:
    """Return the folders of *below*, such as `modprobe.d`, by precedence."""
    return tuple(f"{root}/{below}" for root in ROOTS)


def that_count(
    files: Mapping[str, str], below: str, endings: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file that counts, in their order.

    *files*: texts by path; *below*: such as `modprobe.d`; *endings*: such as `.conf`.
    """
    suffixes = tuple(endings)
    found: dict[str, str] = {}
    for folder in folders(below):
        for path in files:
            place, _, name = path.rpartition("/")
            if place == folder and name.endswith(suffixes) and not name.startswith("."):
                found.setdefault(name, path)
    # By bytes: strcmp(3) knows no locale.
    for name in sorted(found, key=str.encode):
        yield found[name], files[found[name]]
