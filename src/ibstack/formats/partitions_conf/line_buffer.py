# SPDX-License-Identifier: Apache-2.0
"""The piece of memory into which OpenSM reads one line of its partitions file after the other.

OpenSM ends words with NUL bytes in place, and there are texts at which it goes on behind the end
of its line: there it finds what earlier, longer lines have left.  Source:
osm_prtn_config_parse_file() in opensm/opensm/osm_prtn_config.c; seen on 3.3.23 under ibsim
(tests/real/test_opensm_reads_any_file.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# fgets(line, sizeof(line) - 1, file) with char line[4096] reads 4094 characters at most.
LINE_BYTES: Final = 4094
"""How long a line may be, its line feed included: OpenSM cuts longer ones, even in mid-GUID."""

BLANKS: Final = b" \t\n"
"""What OpenSM takes for blanks."""


class BehindTheLine(Exception):
    """OpenSM reads on in memory of which the file does not tell what it holds."""


def pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what OpenSM reads at a time, and on which line of the file that begins."""
    lines = content.split(b"\n")
    last = lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) < LINE_BYTES:
            yield number, line + b"\n"
        else:
            yield from ((number, piece) for piece in _cut(line + b"\n"))
    yield from ((len(lines) + 1, piece) for piece in _cut(last))


def _cut(line: bytes) -> Iterator[bytes]:
    return (line[start : start + LINE_BYTES] for start in range(0, len(line), LINE_BYTES))


class LineBuffer:
    """A line as it stands in memory, and what lies behind it there."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._before: list[bytearray] = []
        """What earlier lines left, each longer than those after it."""

    def load(self, piece: bytes) -> None:
        """Put the next line over what is there."""
        left = self._bytes
        while self._before and len(self._before[-1]) <= len(left):
            self._before.pop()
        self._before.append(left)
        self._bytes = bytearray(piece)
        self._bytes.append(0)

    def text(self, start: int) -> bytes:
        """Return the text from *start* to the next NUL; BehindTheLine where none is known."""
        end = self._bytes.find(0, start)
        if end < 0:
            for left in reversed(self._before):
                self._bytes += left[len(self._bytes) :]
            end = self._bytes.find(0, start)
        if end < 0:
            raise BehindTheLine
        return bytes(self._bytes[start:end])

    def end(self, at: int) -> None:
        """End a text at *at*."""
        self._bytes[at] = 0

    def put(self, start: int, text: bytes) -> None:
        """Put *text* back where it was read from."""
        self._bytes[start : start + len(text)] = text

    def word(self, start: int, text: bytes) -> tuple[bytes, bytes | None]:
        """Split `name=value`, which begins at *start*, and end both where they end.

        A value of None: there is no `=`.
        """
        name, equals, value = text.partition(b"=")
        word = self._bare(start, name)
        if not equals:
            return word, None
        self.end(start + len(name))
        return word, self._bare(start + len(name) + 1, value)

    def _bare(self, start: int, text: bytes) -> bytes:
        bare = text.rstrip(BLANKS)
        if bare and len(bare) < len(text):
            self.put(start + len(bare), bytes(len(text) - len(bare)))
        return bare.lstrip(BLANKS)
