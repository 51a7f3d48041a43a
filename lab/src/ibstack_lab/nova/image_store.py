# SPDX-License-Identifier: Apache-2.0
"""Images in a folder: `<id>.json` is what the image API shows, `<id>.data` its bytes."""

from __future__ import annotations

import json
import shutil
import uuid
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SMALL: Final = "small"
"""The name of the image that every lab has."""
SMALL_ID: Final = str(uuid.uuid5(uuid.NAMESPACE_DNS, SMALL))
_SMALL_BYTES: Final = 1 << 20
_EMPTY: Final[Mapping[str, Any]] = {
    "checksum": None,
    "container_format": None,
    "disk_format": None,
    "min_disk": 0,
    "min_ram": 0,
    "os_hidden": False,
    "protected": False,
    "size": None,
    "status": "queued",
    "tags": [],
    "virtual_size": None,
    "visibility": "shared",
}

Image = dict[str, Any]


class ImageStore:
    """The images of one lab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add_small(self) -> None:
        """Add an image that boots nothing: a disk of zeros; the lab's guests have no disks."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.get(SMALL_ID) is not None:
            return
        formats = {"container_format": "bare", "disk_format": "raw", "visibility": "public"}
        self.add({"id": SMALL_ID, "name": SMALL, **formats}, owner=None)
        self.data(SMALL_ID).write_bytes(b"\0" * _SMALL_BYTES)
        self.change(SMALL_ID, {"status": "active", "size": _SMALL_BYTES})

    def all(self) -> list[Image]:
        return [json.loads(path.read_text()) for path in sorted(self._folder.glob("*.json"))]

    def get(self, image_id: str) -> Image | None:
        """Return what is shown of an image; None for none of that id."""
        try:
            shown: Image = json.loads(self._file(image_id).read_text())
        except FileNotFoundError:
            return None
        return shown

    def add(self, fields: Mapping[str, Any], *, owner: str | None) -> Image:
        """Add an image without bytes; return what is shown of it."""
        image_id = str(fields.get("id") or uuid.uuid4())
        path = f"/v2/images/{image_id}"
        links = {"self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}
        made = {"created_at": _now(), "updated_at": _now(), "owner": owner}
        return self._write({**_EMPTY, **fields, **made, **links, "id": image_id})

    def change(self, image_id: str, fields: Mapping[str, Any], gone: Iterable[str] = ()) -> Image:
        """Set *fields* and take *gone* away of an image that is there."""
        shown = {**(self.get(image_id) or {}), **fields, "updated_at": _now()}
        return self._write({name: shown[name] for name in shown.keys() - set(gone)})

    def take_data(self, image_id: str, stream: IO[bytes]) -> None:
        """Give an image that is there its bytes."""
        fresh = self.data(image_id).with_suffix(".new")
        with fresh.open("wb") as file:
            shutil.copyfileobj(stream, file)
        fresh.replace(self.data(image_id))
        size = self.data(image_id).stat().st_size
        self.change(image_id, {"status": "active", "size": size})

    def data(self, image_id: str) -> Path:
        return self._folder / f"{image_id}.data"

    def delete(self, image_id: str) -> None:
        for path in (self._file(image_id), self.data(image_id)):
            path.unlink(missing_ok=True)

    def _write(self, shown: Image) -> Image:
        fresh = self._file(shown["id"]).with_suffix(".new")
        fresh.write_text(json.dumps(shown, indent=1, sort_keys=True) + "\n")
        fresh.replace(self._file(shown["id"]))
        return shown

    def _file(self, image_id: str) -> Path:
        return self._folder / f"{image_id}.json"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
