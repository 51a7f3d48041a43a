# SPDX-License-Identifier: Apache-2.0
"""The program that a host's Python is given: the modules of the remote side in one text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ibstack.transport import remote_files, remote_script

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
    return _program + f'main("{remote_script.packed(request)}")\n'.encode()


def _modules() -> bytes:
    # remote_script imports the other by its name: that needs no package, if it is in sys.modules.
    files, side = (
        Path(str(each.__file__)).read_text("utf-8") for each in (remote_files, remote_script)
    )
    return f"{_HEAD}_module({remote_files.__name__!r}, {files!r})\n{side}\n".encode()


_program: Final = _modules()
