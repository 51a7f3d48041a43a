# SPDX-License-Identifier: Apache-2.0
"""How objects stand in the file: which keys a kind has.

At the top, `format` and one key for each kind of the top level; in it one key for each object; in
that the object's `type`, its properties, and the kinds inside it.  Of a kind of which there is just
one inside an object, the properties follow at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind, Property

FORMAT_KEY: Final = "format"
FORMAT: Final = 1
TYPE_KEY: Final = "type"


def says_type(kind: Kind) -> bool:
    """Tell whether objects say their type; where the name is the type, they need not."""
    return bool(kind.types) and not kind.names


def written_properties(kind: Kind, type_: str) -> tuple[Property, ...]:
    """Return the properties that an object of *type_* can have in the file, in their order."""
    return tuple(each for each in kind.of_type(type_) if not each.fixed)
