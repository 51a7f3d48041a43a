# SPDX-License-Identifier: Apache-2.0
"""What a line says: statements, their words, blocks in parentheses and where output goes.  Pure.

A line is statements separated by `;` or line ends.  Words are separated by blanks, to which
U+00A0 belongs, because commands are pasted from web pages.  `"…"` makes one word, in which `\\`
stands before a `"`, a `\\` or a backtick that is meant; `'…'` makes one word of exactly what is
in it, where a word begins with it.  `#` where a word would begin starts a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ibstack.fabric.errors import BadInput

_BLANKS: Final = " \t\r\f\v\u00a0"
_ENDS: Final = ";\n"
_SPECIAL: Final = ";()|>"
_ESCAPED_IN_QUOTES: Final = '"\\`'
_BARE: Final = re.compile(r"[A-Za-z0-9_./:,=+@%^*?~\[\]{}-]+")
_DEEPEST: Final = 20


@dataclass(eq=False)
class Unreadable(BadInput):
    """A line that is not in the language."""

    what: str
    at: int
    """Where in the text, from 0."""
    remedy: str

    def __str__(self) -> str:
        return f"cannot read the line: {self.what} at column {self.at + 1}; {self.remedy}"


class Incomplete(Unreadable):
    """A line that the next line may complete: something in it is still open."""

    @property
    def closer(self) -> str:
        """The sign that closes it."""
        return self.remedy[-1]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word: text, or a Unix command whose output stands there."""

    text: str
    is_command: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """One argument."""

    parts: tuple[Part, ...]
    at: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The word as it is without running anything."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where a statement's output goes instead: `>` and `>>` a file, `|` a Unix command."""

    sign: str
    target: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One command, mode word, or Unix command."""

    words: tuple[Word, ...]
    block: tuple[Statement, ...] | None = None
    """The statements in parentheses; None: there are no parentheses."""
    output: Redirection | None = None
    unix: str | None = None
    """The text after a `!`, for the Unix shell; empty: a shell to type in."""
    at: int = field(default=0, compare=False)


def parse(text: str) -> tuple[Statement, ...]:
    """Read one line, or several; Incomplete where more must follow, Unreadable for nonsense."""
    return _Reader(text).statements(depth=0)


def quote(word: str) -> str:
    """Return *word* so that it is read back as that one word."""
    if _BARE.fullmatch(word):
        return word
    escaped = "".join(f"\\{char}" if char in _ESCAPED_IN_QUOTES else char for char in word)
    return f'"{escaped}"'


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def statements(self, depth: int) -> tuple[Statement, ...]:
        """Read up to the end, or up to the closing parenthesis of a block."""
        found = []
        while True:
            statement = self._statement(depth)
            if statement is not None:
                found.append(statement)
            if self._next() and self._next() in _ENDS:
                self._at += 1
            else:
                return tuple(found)

    def _next(self) -> str:
        """The character to be read, or nothing at the end."""
        return self._text[self._at : self._at + 1]

    def _skip_blanks(self) -> None:
        while self._next() and self._next() in _BLANKS:
            self._at += 1
        if self._next() == "#":
            while self._next() and self._next() != "\n":
                self._at += 1

    def _statement(self, depth: int) -> Statement | None:
        """Read one statement; None where there is nothing between two ends."""
        words: list[Word] = []
        block: tuple[Statement, ...] | None = None
        self._skip_blanks()
        start = self._at
        if self._next() == "!":
            return self._unix(depth)
        while not self._is_end(depth):
            if self._next() in "|>":
                output = self._redirection(words, block, depth)
                return Statement(tuple(words), block, output, at=start)
            if block is not None:
                raise self._unreadable("something after the parentheses", "put a ; before it")
            if self._next() == "(":
                block = self._block(words, depth)
            else:
                words.append(self._word())
            self._skip_blanks()
        return Statement(tuple(words), block, at=start) if words else None

    def _is_end(self, depth: int) -> bool:
        char = self._next()
        if char == ")" and not depth:
            raise self._unreadable("a ) that closes nothing", 'put it in "quotes" if it is meant')
        return not char or char in _ENDS or char == ")"

    def _unix(self, depth: int) -> Statement:
        """Read the rest of the line: it belongs to the Unix shell."""
        if depth:
            raise self._unreadable("a ! inside parentheses", "run it before or after them")
        start = self._at
        end = self._text.find("\n", start)
        self._at = len(self._text) if end < 0 else end
        return Statement((), unix=self._text[start + 1 : self._at].strip(), at=start)

    def _block(self, words: list[Word], depth: int) -> tuple[Statement, ...]:
        opened = self._at
        if not words:
            raise self._unreadable("a ( that follows no command", "write foreach … ( … )")
        if depth >= _DEEPEST:
            raise self._unreadable("parentheses too deep", f"use at most {_DEEPEST}")
        self._at += 1
        block = self.statements(depth + 1)
        if self._next() != ")":
            raise Incomplete("an open (", opened, "close it with )")
        self._at += 1
        return block

    def _redirection(
        self, words: list[Word], block: tuple[Statement, ...] | None, depth: int
    ) -> Redirection:
        if not words:
            raise self._unreadable(f"a {self._next()} that follows no command", "write one first")
        sign = ">>" if self._text.startswith(">>", self._at) else self._next()
        self._at += len(sign)
        self._skip_blanks()
        if self._is_end(depth):
            raise self._unreadable(f"nothing after {sign}", "name a file or a command")
        if sign == "|":
            return Redirection(sign, self._unix_pipeline(depth))
        if self._next() in _SPECIAL:
            raise self._unreadable(f"a {self._next()} after {sign}", "name a file")
        target = self._word().text
        self._skip_blanks()
        if not self._is_end(depth):
            raise self._unreadable("something after the file's name", "put a ; before it")
        return Redirection(sign, target)

    def _unix_pipeline(self, depth: int) -> str:
        """Read what the Unix shell gets after a `|`, quotes and all."""
        start = self._at
        quote_open = ""
        while self._next():
            char = self._next()
            if quote_open:
                quote_open = "" if char == quote_open else quote_open
            elif char in "\"'":
                quote_open = char
            elif char in _ENDS or (char == ")" and depth):
                break
            self._at += 1
        if quote_open:
            raise Incomplete("an open quote", start, f"close it with {quote_open}")
        return self._text[start : self._at].strip()

    def _word(self) -> Word:
        start = self._at
        parts: list[Part] = []
        text = self._single_quoted() if self._next() == "'" else ""
        while self._next() and self._next() not in _BLANKS + _ENDS + _SPECIAL:
            char = self._next()
            if char == '"':
                parts += [*_text(text), *self._double_quoted()]
                text = ""
            elif char == "`":
                parts += [*_text(text), self._command()]
                text = ""
            else:
                text += self._bare_character()
        return Word((*parts, *_text(text)), start)

    def _bare_character(self) -> str:
        """Read one character outside quotes; a backslash stands before one that is meant."""
        char = self._next()
        following = self._text[self._at + 1 : self._at + 2]
        if char == "\\" and following and following in _BLANKS + _SPECIAL + "\"'\\`#!":
            self._at += 1
            char = following
        self._at += 1
        return char

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise Incomplete("an open quote", self._at, "close it with '")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        return text

    def _double_quoted(self) -> list[Part]:
        opened = self._at
        parts: list[Part] = []
        text = ""
        self._at += 1
        while self._next() != '"':
            char = self._next()
            if not char:
                raise Incomplete("an open quote", opened, 'close it with "')
            if char == "`":
                parts += [*_text(text), self._command()]
                text = ""
                continue
            if char == "\\" and self._text[self._at + 1 : self._at + 2] in tuple(
                _ESCAPED_IN_QUOTES
            ):
                self._at += 1
                char = self._next()
            text += char
            self._at += 1
        self._at += 1
        return [*parts, Part(text)]

    def _command(self) -> Part:
        end = self._text.find("`", self._at + 1)
        if end < 0:
            raise Incomplete("an open backtick", self._at, "close it with `")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        return Part(text, is_command=True)

    def _unreadable(self, what: str, remedy: str) -> Unreadable:
        return Unreadable(what, self._at, remedy)


def _text(text: str) -> list[Part]:
    return [Part(text)] if text else []
