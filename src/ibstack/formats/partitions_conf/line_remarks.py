# SPDX-License-Identifier: Apache-2.0
"""What is odd about a line of a partitions file as a whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.line_buffer import LINE_BYTES
from ibstack.formats.partitions_conf.remark import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN: Final = re.compile(rb"[\t -~]*\n?")
_STRANGE: Final = re.compile(rb"[^\t\n -~]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def of_line(number: int, piece: bytes) -> Iterator[tuple[str, Effect]]:
    """Yield what is odd about a *piece*, which is a line or as much of it as OpenSM reads."""
    if not piece.endswith(b"\n") and len(piece) >= LINE_BYTES:
        what = f"longer than {LINE_BYTES} bytes: OpenSM cuts lines after {LINE_BYTES} bytes"
        remedy = "repeat the statement with the other members"
        yield f"{what}; {remedy}", Effect.OTHERWISE
    if _PLAIN.fullmatch(piece):
        return
    if number == 1 and piece.startswith(_BYTE_ORDER_MARK):
        what = "a byte order mark, which would become part of the first name"
        yield what, Effect.AS_MEANT
    if piece.rstrip(b"\n").endswith(b"\r"):
        what = "the line ends with a carriage return: write plain line feeds"
        yield what, Effect.AS_MEANT
        piece = piece.rstrip(b"\n").removesuffix(b"\r")
    strange = _STRANGE.findall(piece.removeprefix(_BYTE_ORDER_MARK) if number == 1 else piece)
    if strange:
        listed = ", ".join(f"0x{byte.hex()}" for byte in sorted(set(strange)))
        yield f"holds bytes that are not printable ASCII: {listed}", Effect.AS_MEANT
