# SPDX-License-Identifier: Apache-2.0
"""Who committed something is not for them to choose."""

from __future__ import annotations

import os
import pwd

import pytest

from ibstack.cli.cluster_shell import author

NOBODY = pwd.getpwnam("nobody")


def author_as(uid: int) -> str:
    """Return what author() says in a process of that user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(uid)
            os.write(writer, author().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = said.read()
    os.waitpid(child, 0)
    return answer


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_sudo_names_its_caller_and_nobody_else_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SUDO_USER", "LOGNAME", "USER"):
        monkeypatch.setenv(name, "somebody")

    assert author_as(0) == "somebody"
    assert author_as(NOBODY.pw_uid) == NOBODY.pw_name
    monkeypatch.delenv("SUDO_USER")
    assert author_as(0) == "root"
