# SPDX-License-Identifier: Apache-2.0
"""One member of a partition, as OpenSM takes it.

Source: partition_add_port() in opensm/opensm/osm_prtn_config.c: keywords and memberships are known
by any beginning of theirs, and what is neither has to be a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.formats.partitions_conf.number import number
from ibstack.formats.partitions_conf.remark import Effect
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str, Effect], None]
    """Takes a remark: what, and what OpenSM makes of it."""

_KEYWORDS: Final = {keyword.value: keyword for keyword in Keyword}
_FLAGS: Final = {flag.value: flag for flag in MembershipFlag}
_NOBODY: Final = "NONE"
_GUID: Final = re.compile(rb"0x[0-9a-fA-F]{1,16}")


@dataclass(frozen=True, slots=True)
class NoMember(Exception):
    """OpenSM refuses the file for what stands in the place of a member."""

    what: str


def member(name: bytes, value: bytes | None, default: MembershipFlag, say: Say) -> Listed | None:
    """Return the member that OpenSM takes `name=value` for; None: it lists nobody.

    *value*: None where there is no `=`; then it is a member as *default*.  Raises NoMember.
    """
    text = name.decode("utf-8", "replace")
    if _NOBODY.startswith(text):
        say(f"member {text!r} is nobody: {_wanted()}", Effect.AS_MEANT)
        return None
    who = _who(name, text, say)
    flag = (
        default
        if value is None
        else read_membership_flag(value, text, say) or MembershipFlag.LIMITED
    )
    return None if who is None else Listed(who, flag)


def read_membership_flag(value: bytes, of: str, say: Say) -> MembershipFlag | None:
    """Return the membership that *value* begins; None where it begins none."""
    text = value.decode("utf-8", "replace")
    if text in _FLAGS:
        return _FLAGS[text]
    found = next((each for name, each in _FLAGS.items() if name.startswith(text)), None)
    said = f"{text!r}" if text else "nothing, which OpenSM takes for full"
    effect = Effect.AS_MEANT if text and found else Effect.OTHERWISE
    say(f"{of}= says {said}: write full, limited or both", effect)
    return found


def _who(name: bytes, text: str, say: Say) -> Guid | Keyword | None:
    if text in _KEYWORDS:
        return _KEYWORDS[text]
    begun = next((each for word, each in _KEYWORDS.items() if word.startswith(text)), None)
    if begun is not None:
        say(f"member {text!r}, which OpenSM takes for {begun.value}", Effect.OTHERWISE)
        return begun
    found = number(name)
    if not found.value or found.rest:
        zero = found.found and not found.rest
        raise NoMember(_why(0) if zero else f"member {text!r}: {_wanted()}")
    if not _GUID.fullmatch(name):
        effect = Effect.AS_MEANT if text.isdecimal() and not found.octal else Effect.OTHERWISE
        say(f"member {text!r}, which OpenSM takes for 0x{found.value:x}: {_wanted()}", effect)
    try:
        return Guid(found.value)
    except BadValue as error:
        say(str(error), Effect.OTHERWISE)
        return None


def _why(value: int) -> str:
    try:
        return str(Guid(value))
    except BadValue as error:
        return str(error)


def _wanted() -> str:
    return f"write 0x and up to 16 hex digits, or one of {', '.join(_KEYWORDS)}"
