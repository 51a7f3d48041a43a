# SPDX-License-Identifier: Apache-2.0
"""The program that a host's Python is given: the modules of the far side in one text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ibstack.cluster.hosts import far_files, far_side

_HEAD: Final = """\
import sys
def _module(name, text):
    sys.modules[name] = module = type(sys)(name)
    exec(compile(text, name, "exec"), module.__dict__)
"""


def program(request: object) -> bytes:
    """Return the text that does what *request* asks for.

    The call is the last line and needs its bracket: of a text that was cut off nothing is done,
    because Python reads all of it first.
    """
    return _program + f'main("{far_side.packed(request)}")\n'.encode()


def _modules() -> bytes:
    # far_side imports the other by its name, which needs no package where it is in sys.modules.
    files, side = (Path(str(each.__file__)).read_text("utf-8") for each in (far_files, far_side))
    return f"{_HEAD}_module({far_files.__name__!r}, {files!r})\n{side}\n".encode()


_program: Final = _modules()
