# SPDX-License-Identifier: Apache-2.0
"""libvirt's one exception."""

from __future__ import annotations

from .constants import VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU


class libvirtError(Exception):
    """What libvirt raises; nova looks at its code: VIR_ERR_…"""

    def __init__(self, message: str, code: int = VIR_ERR_INTERNAL_ERROR) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code

    def get_error_domain(self) -> int:
        return VIR_FROM_QEMU

    def get_error_message(self) -> str:
        return str(self)


def registerErrorHandler(_handler: object, _context: object) -> int:
    """Take what would print errors: all of them are raised."""
    return 0
