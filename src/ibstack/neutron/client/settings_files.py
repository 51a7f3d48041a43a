# SPDX-License-Identifier: Apache-2.0
"""Reading the files of oslo.config, and saying of one that cannot be read what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def read_files(conf: cfg.ConfigOpts, arguments: Sequence[str], **named: Any) -> None:
    """Have *conf* read *arguments*, as of a command line, and the files that they name.

    BadInput for what is wrong with a file, a folder in its place and another encoding included: of
    these oslo.config dies.  Other errors of oslo.config, as for a value, are let through.
    """
    try:
        conf(list(arguments), **named)
    except cfg.ConfigFilesNotFoundError as error:
        files = ", ".join(error.config_files)
        raise BadInput(f"there is no {files}; name the file with --config-file") from error
    except cfg.ConfigFilesPermissionDeniedError as error:
        files = ", ".join(error.config_files)
        raise BadInput(
            f"{files} is not for this user; run this as root, or as the user of the daemon"
        ) from error
    except OSError as error:
        raise BadInput(f"{error.filename}: {error.strerror}; name a file") from error
    except UnicodeDecodeError as error:
        named_files = (*_files_of(arguments), *named.get("default_config_files", ()))
        files = " or ".join(each for each in named_files if not _is_text(each))
        raise BadInput(f"{files or 'a file'} is no UTF-8 text ({error.reason})") from error


def _files_of(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the files that *arguments* name: oslo.config forgets them where it cannot read one."""
    words = list(arguments)
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, path = word.partition("=")
        if option == "--config-file":
            yield path if equals else following


def _is_text(path: str) -> bool:
    try:
        Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        return False
    return True
