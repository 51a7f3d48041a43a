# SPDX-License-Identifier: Apache-2.0
"""Which files of this machine say anything of virtual functions: only these are kept of many.

Connections of NetworkManager and scripts hold much that is nobody's business here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.formats.vf_requests import PLACES, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST: Final = 1 << 18
"""Bytes; what is larger is no script."""


def asking(root: Path) -> dict[str, str]:
    """Return the texts of such files below *root*, by name as in `etc/rc.local`."""
    found: dict[str, str] = {}
    for path in _places(root):
        try:
            is_plain = path.is_file() and not path.is_symlink()
            content = path.read_bytes() if is_plain and path.stat().st_size <= _LARGEST else b""
        except OSError:
            continue  # What may not be read says nothing; as root everything may.
        text = content.decode(errors="replace")
        if b"\0" not in content and WORDS.search(text):
            found[str(path.relative_to(root))] = text
    return found


def _places(root: Path) -> Iterator[Path]:
    for place in PLACES:
        name = place.lstrip("/")
        yield from sorted((root / name).rglob("*") if name.endswith("/") else root.glob(f"{name}*"))
