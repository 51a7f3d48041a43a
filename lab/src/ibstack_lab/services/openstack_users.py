# SPDX-License-Identifier: Apache-2.0
"""The openstack client's own program, imported once and forked for each user.

    python -m ibstack_lab.services.openstack_users INPUT OUTPUT …   (descriptors, two a user)

To import it takes 2 to 3 s of a core, which three users would pay three times.  The users' OS_…
variables come as a JSON list of objects on standard input, when they are known: no password is
in anybody's arguments.
"""

from __future__ import annotations

import json
import os
import sys

import cliff.interactive  # noqa: F401  what the client imports when it reads commands
import openstackclient.shell


def main() -> int:
    """Be the client of each user until its input ends."""
    descriptors = [int(word) for word in sys.argv[1:]]
    told = sys.stdin.readline()
    if not told:
        return 0  # Whoever started us has no use for clients any more.
    pipes = list(zip(descriptors[::2], descriptors[1::2], strict=True))
    children = [
        _fork(env, pipe, descriptors) for env, pipe in zip(json.loads(told), pipes, strict=True)
    ]
    for descriptor in descriptors:
        os.close(descriptor)
    for child in children:
        os.waitpid(child, 0)
    return 0


def _fork(env: dict[str, str], pipe: tuple[int, int], descriptors: list[int]) -> int:
    child = os.fork()
    if child:
        return child
    asking, answering = pipe
    for descriptor, standard in ((asking, 0), (answering, 1), (answering, 2)):
        os.dup2(descriptor, standard)
    for descriptor in descriptors:
        os.close(descriptor)
    os.environ.update(env)
    sys.argv[:] = ["openstack"]
    sys.exit(openstackclient.shell.main([]))


if __name__ == "__main__":
    sys.exit(main())
