# SPDX-License-Identifier: Apache-2.0
"""Which settings hold secrets, by their names, and how their values are hidden.  Pure.

The one list of such words: of oslo.config's options that are declared secret, and of the files that
ibstack reads beside.  A URL tells its password whatever the key is called.
"""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = (
    *("password", "passwd", "passphrase", "secret", "token"),
    *("transport_url", "connection", "private_key"),
)
"""A key that has one of them anywhere holds a secret, or a URL with one."""
MARK: Final = "***"

_WORDS: Final = "|".join(WORDS)
# Also of one that is misspelled, for its refusal quotes it.
_ITEM: Final = re.compile(rf"([-+]?/[^=]*(?:{_WORDS})[^=]*=)(.+)", re.I | re.S)
_SAID: Final = re.compile(rf"(\[[^\]\s]*\][\w.-]*(?:{_WORDS})[\w.-]*\s?[=:]\s?)(?=\S)\S+", re.I)
_LINE: Final = re.compile(rf"(\s*[\w.-]*(?:{_WORDS})[\w.-]*\s*[=:]\s*)(?=\S).+", re.I)
_URL: Final = re.compile(r"(://[^\s:/@,]*:)[^\s@]+(?=@)")


def is_secret(key: str) -> bool:
    """Tell whether the value of a key is nobody's to see."""
    lowered = key.lower()
    return any(word in lowered for word in WORDS)


def hidden_value(key: str, value: str) -> str:
    """Return *value*, or what stands for it where *key* says that it is a secret."""
    return MARK if value and is_secret(key) else without_passwords(value)


def hidden_item(item: str) -> str:
    """Return a value of a property; of a config file modification that sets a secret its key."""
    found = _ITEM.fullmatch(item)
    return f"{found[1]}{MARK}" if found else without_passwords(item)


def hidden_line(line: str) -> str:
    """Return a line of a file without what its key says is a secret."""
    found = _LINE.fullmatch(line)
    return f"{found[1]}{MARK}" if found else without_passwords(line)


def hidden_in(sentence: str) -> str:
    """Return a sentence without the values of secret keys that it quotes as `[section]key=value`.

    A value ends there at the first blank.
    """
    return without_passwords(_SAID.sub(rf"\1{MARK}", sentence))


def without_passwords(text: str) -> str:
    """Return *text* with the passwords of its URLs hidden (RFC 3986, section 3.2.1)."""
    return _URL.sub(rf"\1{MARK}", text)


def is_hidden(item: str) -> bool:
    """Tell whether *item* is what hidden_item() returns of one with a secret."""
    found = _ITEM.fullmatch(item)
    return (found is not None and found[2].strip() == MARK) or f":{MARK}@" in item
