# SPDX-License-Identifier: Apache-2.0
"""The image service as `ibstack_lab.services.wsgi` serves it.

IBSTACK_LAB_IMAGES names its folder: `images.conf` with [keystone_authtoken], and `store`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack_lab.nova.image_api import ImageApi, versions
from ibstack_lab.nova.image_store import ImageStore

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER: Final = "IBSTACK_LAB_IMAGES"
CONFIGURATION: Final = "images.conf"


def store_in(folder: Path) -> ImageStore:
    """Return the images of the service in *folder*."""
    return ImageStore(folder / "store")


class ImageService:
    """The versions for anybody, the rest for those whom Keystone knows."""

    def __init__(self, folder: Path) -> None:
        # Here: whoever configures the service needs none of it.
        from keystonemiddleware.auth_token import AuthProtocol

        settings = {
            "oslo_config_project": "images",
            "oslo_config_file": str(folder / CONFIGURATION),
        }
        self._checked = AuthProtocol(ImageApi(store_in(folder)), settings)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] in ("", "/", "/versions"):
            return versions(environ, start)
        answer: Iterable[bytes] = self._checked(environ, start)
        return answer


def __getattr__(name: str) -> ImageService:
    """Make the application when it is asked for: the module is imported for its names too."""
    if name != "application":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return ImageService(Path(os.environ[FOLDER]))
