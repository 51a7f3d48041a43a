# SPDX-License-Identifier: Apache-2.0
"""What of a generated file is left out, because of what else stands on the host, or cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is not as the cluster says, and that ibstack does not change."""

    what: str
    """As "category of node[001-003]"."""
    wanted: str
    found: str
    """What stands in the way, with the place."""

    def __str__(self) -> str:
        return f"{self.what}: wanted {self.wanted}, but {self.found}"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The text of a file, or a section, as it can be written there."""

    text: str
    remarks: tuple[Remark, ...] = ()


class Fit(Protocol):
    """How a generated text is fitted to what others have written on the host.

    Two of the same are equal: generated files are compared.
    """

    def beside(self, path: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return what has to be looked at; a name may have a `*`."""
        ...

    def fitted(self, text: str, around: bytes, others: Mapping[PurePosixPath, bytes]) -> Fitted:
        """Return what is to be written.

        *around*: the file without our section; nothing of a whole file.  *others*: what was found
        beside it.  Refused, with the remedy, where nothing can be written.
        """
        ...
