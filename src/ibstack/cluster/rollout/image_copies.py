# SPDX-License-Identifier: Apache-2.0
"""Which trees of software images are to be made, and from which.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.cluster.model.state import State, View


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """A software image whose tree is to be made by copying another's."""

    source: str
    """Path of its tree."""
    target: str


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
