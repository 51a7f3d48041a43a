# SPDX-License-Identifier: Apache-2.0
"""The trees of a cluster's software images: which are to be copied, and which are not all there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.backend import Drift
from ibstack.cluster.rollout.image_copies import copies_again, image_copies
from ibstack.cluster.rollout.image_copy import ImageJob, Standing, standing
from ibstack.cluster.rollout.installation import image_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.hosts import Installation
    from ibstack.cluster.rollout.image_copies import ImageCopy

_HALF: Final = (Standing.UNDER_WAY, Standing.CUT_OFF)
_COPIED_TO: Final = ("FULL", "AUTO")
"""Modes of installation that read the image's tree."""


class ReachedImages:
    """The images on this machine, below the folder *images*."""

    def __init__(self, images: Path, now: Callable[[], datetime]) -> None:
        self._images = images
        self._now = now

    def planned(self, before: State, after: State) -> list[str]:
        """Return what a commit would copy."""
        return [f"copy {each.source} to {each.target}" for each in self._asked(before, after)]

    def jobs(self, before: State, after: State, head: str) -> list[ImageJob]:
        """Return the copies that a commit begins, or begins again; each is ours until it is run.

        *head*: who is told to do it.
        """
        jobs = [
            ImageJob(each, self._images, head, self._now) for each in self._asked(before, after)
        ]
        return [job for job in jobs if job.claim()]

    def unready(self, wanted: Iterable[Installation]) -> dict[str, str]:
        """Return by host why it cannot be installed now: its image is not all there yet."""
        found: dict[str, str] = {}
        seen: dict[Path, Standing] = {}
        for each in wanted:
            if each.tree is None or each.mode not in _COPIED_TO:
                continue
            stands = seen.setdefault(each.tree, standing(each.tree))
            if stands in _HALF:
                found[each.host] = f"software image {each.image} {stands.value}"
        return found

    def drift(self, state: State, names: Sequence[str], head: str) -> Iterator[Drift]:
        """Yield those of the images that are in part there; *head*: where they are."""
        for name in names:
            tree = image_folder(state, name, self._images)
            if tree is not None and standing(tree) in _HALF:
                found = "still being copied"
                if standing(tree) is Standing.CUT_OFF:
                    found = "copied in part, then cut off"
                yield Drift(head, f"software image {name}", "all of its tree", found)

    def _asked(self, before: State, after: State) -> list[ImageCopy]:
        asked = image_copies(before, after)
        targets = {each.target for each in asked}
        again = copies_again(after, self._is(Standing.CUT_OFF), self._is(Standing.THERE))
        # Those first: what is asked for may be a copy of one of them.
        return [*(each for each in again if each.target not in targets), *asked]

    def _is(self, wanted: Standing) -> Callable[[str], bool]:
        return lambda tree: standing(self._images / tree.lstrip("/")) is wanted
