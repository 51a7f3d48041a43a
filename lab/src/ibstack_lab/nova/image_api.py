# SPDX-License-Identifier: Apache-2.0
"""The image API, as far as nova and `openstack image` ask: Glance takes 7 s of a core to start.

Source: Glance's api-ref, version 2.9.  Who asks is checked by Keystone's own middleware: an image
is seen where it is public or of one's project, and changed by its project.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final
from wsgiref.util import FileWrapper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack_lab.nova.image_store import Image, ImageStore

Environ = dict[str, Any]

_IMAGE: Final = re.compile(r"/v2/images/([0-9a-f-]{36})(/file)?")
_TEXT: Final = {"type": ["null", "string"]}
_NUMBER: Final = {"type": ["null", "integer"]}
_FLAG: Final = {"type": "boolean"}
_SCHEMA: Final = {
    "name": "image",
    "properties": {
        **dict.fromkeys(("id", "name", "status", "visibility", "checksum", "owner"), _TEXT),
        **dict.fromkeys(("container_format", "disk_format", "created_at", "updated_at"), _TEXT),
        **dict.fromkeys(("self", "file", "schema"), _TEXT),
        **dict.fromkeys(("size", "virtual_size", "min_ram", "min_disk"), _NUMBER),
        **dict.fromkeys(("protected", "os_hidden"), _FLAG),
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": {"type": "string"},
}


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def versions(environ: Environ, start: Any) -> Iterable[bytes]:
    """Say which versions there are; anybody may ask."""
    here = f"http://{environ['HTTP_HOST']}/v2/"
    version = {"id": "v2.9", "status": "CURRENT", "links": [{"rel": "self", "href": here}]}
    return _answer(start, HTTPStatus.MULTIPLE_CHOICES, {"versions": [version]})


class ImageApi:
    """A WSGI application behind keystonemiddleware."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        try:
            return self._serve(environ, start)
        except Refused as refused:
            content = {"message": str(refused), "code": refused.status.value}
            return _answer(start, refused.status, content)

    def _serve(self, environ: Environ, start: Any) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
        who = _Caller(environ)
        if (method, path) == ("GET", "/v2/schemas/image"):
            return _answer(start, HTTPStatus.OK, _SCHEMA)
        if (method, path) == ("GET", "/v2/images"):
            return _answer(start, HTTPStatus.OK, self._list(environ, who))
        if (method, path) == ("POST", "/v2/images"):
            made = self._store.add(_json(environ), owner=who.project)
            return _answer(start, HTTPStatus.CREATED, made)
        if (found := _IMAGE.fullmatch(path)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"cannot serve {method} {path}: no such resource")
        image = self._visible(found.group(1), who)
        if found.group(2):
            return self._serve_data(method, image, who, environ["wsgi.input"], start)
        return self._serve_image(method, image, who, environ, start)

    def _list(self, environ: Environ, who: _Caller) -> Mapping[str, Any]:
        wanted = re.search(r"(?:^|&)name=([^&]*)", environ.get("QUERY_STRING", ""))
        images = [
            image
            for image in self._store.all()
            if who.sees(image) and (wanted is None or image.get("name") == wanted.group(1))
        ]
        return {"images": images, "first": "/v2/images", "schema": "/v2/schemas/images"}

    def _visible(self, image_id: str, who: _Caller) -> Image:
        image = self._store.get(image_id)
        if image is None or not who.sees(image):
            raise Refused(HTTPStatus.NOT_FOUND, f"No image found with ID {image_id}")
        return image

    def _serve_image(
        self, method: str, image: Image, who: _Caller, environ: Environ, start: Any
    ) -> Iterable[bytes]:
        if method == "GET":
            return _answer(start, HTTPStatus.OK, image)
        who.require_owner(image)
        if method == "DELETE":
            self._store.delete(image["id"])
            return _answer(start, HTTPStatus.NO_CONTENT, None)
        if method == "PATCH":
            fields, gone = _patched(_json(environ))
            return _answer(start, HTTPStatus.OK, self._store.change(image["id"], fields, gone))
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"cannot {method} an image")

    def _serve_data(
        self, method: str, image: Image, who: _Caller, body: IO[bytes], start: Any
    ) -> Iterable[bytes]:
        if method == "GET":
            if image["status"] != "active":
                return _answer(start, HTTPStatus.NO_CONTENT, None)
            length = ("Content-Length", str(image["size"]))
            start("200 OK", [("Content-Type", "application/octet-stream"), length])
            return FileWrapper(self._store.data(image["id"]).open("rb"))
        if method != "PUT":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"cannot {method} an image's data")
        who.require_owner(image)
        self._store.take_data(image["id"], body)
        return _answer(start, HTTPStatus.NO_CONTENT, None)


class _Caller:
    """Who asks: what keystonemiddleware says of the token."""

    def __init__(self, environ: Environ) -> None:
        self.project: str | None = environ.get("HTTP_X_PROJECT_ID")
        self._is_admin = "admin" in environ.get("HTTP_X_ROLES", "").split(",")

    def sees(self, image: Image) -> bool:
        return self._is_admin or image["visibility"] == "public" or self._owns(image)

    def require_owner(self, image: Image) -> None:
        if not (self._is_admin or self._owns(image)):
            raise Refused(HTTPStatus.FORBIDDEN, f"image {image['id']} is of another project")

    def _owns(self, image: Image) -> bool:
        return image["owner"] is not None and image["owner"] == self.project


def _patched(operations: Iterable[Mapping[str, Any]]) -> tuple[Image, list[str]]:
    """Read a JSON patch of one level: what is set, and what goes."""
    fields, gone = {}, []
    for operation in operations:
        name = operation["path"].lstrip("/")
        if operation["op"] == "remove":
            gone.append(name)
        else:
            fields[name] = operation["value"]
    return fields, gone


def _json(environ: Environ) -> Any:
    try:
        return json.loads(environ["wsgi.input"].read() or b"{}")
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"cannot read the request: {error}") from error


def _answer(start: Any, status: HTTPStatus, content: object) -> Iterable[bytes]:
    body = b"" if content is None else json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start(f"{status.value} {status.phrase}", headers)
    return [body]
