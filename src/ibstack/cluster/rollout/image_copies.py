# SPDX-License-Identifier: Apache-2.0
"""Which trees of software images are to be copied, and from which; and which are not all there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective
from ibstack.cluster.rollout.backend import Drift
from ibstack.cluster.rollout.image_copy import ImageCopy, ImageJob, TreeState, tree_state
from ibstack.cluster.rollout.installation import image_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ibstack.cluster.model.state import State, View
    from ibstack.cluster.rollout.hosts import Installation


def image_copies(before: State, after: State) -> list[ImageCopy]:
    """Return the trees that a commit of cloned images asks for, each after what it is made from."""
    found = []
    for name in after.names("softwareimage"):
        path = EntityPath.of("softwareimage", name)
        if before.get(path) is not None:
            continue
        originals = _originals(after, path)
        # One that comes with the same commit has no tree either, but comes from one that has.
        source = next((each for each in originals if before.get(each) is not None), None)
        if source is not None:
            found.append(ImageCopy(_tree(after, source), _tree(after, path)))
    return found


def copies_again(
    view: View, cut_off: Callable[[str], bool], there: Callable[[str], bool]
) -> list[ImageCopy]:
    """Return the copies that were cut off, from the nearest original of which the tree is there.

    *cut_off* and *there* answer for the path of a tree.
    """
    found = []
    for name in view.names("softwareimage"):
        path = EntityPath.of("softwareimage", name)
        target = _tree(view, path)
        if cut_off(target):
            trees = [_tree(view, each) for each in _originals(view, path)]
            source = next((tree for tree in trees if there(tree)), None)
            if source is not None:
                found.append(ImageCopy(source, target))
    return found


def _originals(view: View, path: EntityPath) -> Iterator[EntityPath]:
    """Yield the images from which this one comes, the nearest first."""
    seen = {path}
    while True:
        entity = view.get(path)
        name = entity.text("originalimage") if entity else ""
        path = EntityPath.of("softwareimage", name)
        if not name or path in seen or view.get(path) is None:
            return
        seen.add(path)
        yield path


def _tree(view: View, path: EntityPath) -> str:
    return str(effective(view, path, "path").value)


_HALF: Final = (TreeState.UNDER_WAY, TreeState.CUT_OFF)
_COPIED_TO: Final = ("FULL", "AUTO")
"""Modes of installation that read the image's tree."""


class ImageController:
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
        seen: dict[Path, TreeState] = {}
        for each in wanted:
            if each.tree is None or each.mode not in _COPIED_TO:
                continue
            stands = seen.setdefault(each.tree, tree_state(each.tree))
            if stands in _HALF:
                found[each.host] = f"software image {each.image} {stands.value}"
        return found

    def drift(self, state: State, names: Sequence[str], head: str) -> Iterator[Drift]:
        """Yield those of the images that are in part there; *head*: where they are."""
        for name in names:
            tree = image_folder(state, name, self._images)
            if tree is not None and tree_state(tree) in _HALF:
                found = "still being copied"
                if tree_state(tree) is TreeState.CUT_OFF:
                    found = "copied in part, then cut off"
                yield Drift(head, f"software image {name}", "all of its tree", found)

    def _asked(self, before: State, after: State) -> list[ImageCopy]:
        asked = image_copies(before, after)
        targets = {each.target for each in asked}
        again = copies_again(after, self._is(TreeState.CUT_OFF), self._is(TreeState.THERE))
        # Those first: what is asked for may be a copy of one of them.
        return [*(each for each in again if each.target not in targets), *asked]

    def _is(self, wanted: TreeState) -> Callable[[str], bool]:
        return lambda tree: tree_state(self._images / tree.lstrip("/")) is wanted
