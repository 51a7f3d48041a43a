# SPDX-License-Identifier: Apache-2.0
"""The image API answers what nova and the openstack client ask, to those who may."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from ibstack_lab.nova.image_api import ImageApi, versions
from ibstack_lab.nova.image_store import SMALL, SMALL_ID, ImageStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEMO, OTHER = "project-of-demo", "project-of-other"


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    made = ImageStore(tmp_path / "store")
    made.add_small()
    return made


@pytest.fixture
def ask(store: ImageStore) -> Callable[..., tuple[int, Any]]:
    application = ImageApi(store)

    def asked(
        method: str,
        path: str,
        content: object = None,
        *,
        project: str = DEMO,
        roles: str = "member",
        data: bytes | None = None,
        query: str = "",
    ) -> tuple[int, Any]:
        body = data if data is not None else json.dumps(content).encode() if content else b""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_X_PROJECT_ID": project,
            "HTTP_X_ROLES": roles,
            "wsgi.input": io.BytesIO(body),
        }
        statuses: list[str] = []
        answer = application(environ, lambda status, _headers: statuses.append(status))
        said = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        try:
            return int(statuses[0].split()[0]), json.loads(said or b"null")
        except ValueError:
            return int(statuses[0].split()[0]), said

    return asked


def test_the_small_image_is_everybodys(ask: Callable[..., tuple[int, Any]]) -> None:
    code, shown = ask("GET", f"/v2/images/{SMALL_ID}", project=OTHER)

    assert code == 200
    assert (shown["name"], shown["status"], shown["disk_format"]) == (SMALL, "active", "raw")
    code, data = ask("GET", f"/v2/images/{SMALL_ID}/file", project=OTHER)
    assert (code, len(data)) == (200, shown["size"])
    assert set(data) == {0}


def test_an_image_is_found_by_its_name(ask: Callable[..., tuple[int, Any]]) -> None:
    assert [each["id"] for each in ask("GET", "/v2/images", query="name=small")[1]["images"]] == [
        SMALL_ID
    ]
    assert ask("GET", "/v2/images", query="limit=2&name=large")[1]["images"] == []


def test_a_snapshot_is_its_projects(ask: Callable[..., tuple[int, Any]]) -> None:
    """What nova does for a shelved server: create, upload, change, and delete at the end."""
    code, made = ask("POST", "/v2/images", {"name": "shelved", "visibility": "private"})
    path = f"/v2/images/{made['id']}"
    assert (code, made["status"], made["owner"]) == (201, "queued", DEMO)

    assert ask("PUT", f"{path}/file", data=b"x" * 3000)[0] == 204
    patch = [
        {"op": "add", "path": "/base_image_ref", "value": SMALL_ID},
        {"op": "remove", "path": "/min_ram"},
    ]
    code, changed = ask("PATCH", path, patch)

    assert (code, changed["status"], changed["size"]) == (200, "active", 3000)
    assert changed["base_image_ref"] == SMALL_ID
    assert "min_ram" not in changed
    assert ask("GET", f"{path}/file")[1] == b"x" * 3000
    assert ask("GET", path, project=OTHER)[0] == 404
    assert ask("DELETE", path, project=OTHER)[0] == 404
    assert ask("GET", path, project=OTHER, roles="admin,member")[0] == 200
    assert ask("DELETE", path)[0] == 204
    assert ask("GET", path)[0] == 404


@pytest.mark.parametrize(("method", "tail"), [("DELETE", ""), ("PATCH", ""), ("PUT", "/file")])
def test_what_is_everybodys_is_changed_by_the_operator_alone(
    ask: Callable[..., tuple[int, Any]], method: str, tail: str
) -> None:
    code, said = ask(method, f"/v2/images/{SMALL_ID}{tail}", [])

    assert code == 403
    assert SMALL_ID in said["message"]
    assert ask("GET", f"/v2/images/{SMALL_ID}")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "data", "code"),
    [
        ("GET", "/v2/members", None, 404),
        ("GET", f"/v2/images/{SMALL_ID}/../../etc", None, 404),
        ("POST", "/v2/images", b"{", 400),
        ("POST", f"/v2/images/{SMALL_ID}/file", None, 405),
    ],
)
def test_what_it_does_not_know_is_refused(
    ask: Callable[..., tuple[int, Any]], method: str, path: str, data: bytes | None, code: int
) -> None:
    assert ask(method, path, data=data)[0] == code


def test_a_schema_and_versions_are_there(ask: Callable[..., tuple[int, Any]]) -> None:
    code, schema = ask("GET", "/v2/schemas/image")
    assert code == 200
    assert {"id", "size", "disk_format"} <= schema["properties"].keys()

    statuses: list[str] = []
    said = versions({"HTTP_HOST": "127.0.0.1:1"}, lambda status, _headers: statuses.append(status))

    assert statuses == ["300 Multiple Choices"]
    (version,) = json.loads(b"".join(said))["versions"]
    assert version["links"][0]["href"] == "http://127.0.0.1:1/v2/"
