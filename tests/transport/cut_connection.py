# SPDX-License-Identifier: Apache-2.0
"""A ProxyCommand that cuts the connection: `cut_connection.py there|back BYTES COMMAND…`.

Passes on what ssh and COMMAND, an `sshd -i`, say to each other, and after so many bytes of one way
nothing more of it: its end is closed.
"""

import os
import subprocess
import sys


def pump(source: int, target: int, limit: int) -> None:
    while limit > 0:
        data = os.read(source, min(limit, 65_536))
        if not data:
            return
        limit -= len(data)
        while data:
            data = data[os.write(target, data) :]


def main() -> None:
    way, limit, *command = sys.argv[1:]
    if way == "there":
        end = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert end.stdin is not None
        pump(0, end.stdin.fileno(), int(limit))
        end.stdin.close()
    else:
        end = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert end.stdout is not None
        pump(end.stdout.fileno(), 1, int(limit))
        end.stdout.close()
        os.close(1)
    end.wait()


main()
