# SPDX-License-Identifier: Apache-2.0
"""modprobe says which options it would give, and our reader of modprobe.d says the same.

`modprobe --showconfig` in a mount namespace of its own, with all of its folders and the kernel's
command line.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.formats.modprobe_options import CMDLINE, options_lines

FOLDERS: Final = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/lib/modprobe.d",
)
_SCRIPT: Final = """\
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /usr/local/lib
mkdir /run/modprobe.d /usr/local/lib/modprobe.d
for folder in /etc /run /usr/local/lib /lib; do
  mount --bind "$1$folder/modprobe.d" "$folder/modprobe.d"
done
mount --bind "$1/cmdline" /proc/cmdline
exec modprobe --showconfig
"""
_LIMIT_S: Final = 20.0

words = st.sampled_from(
    [
        *("mlx4_core", "mlx4-core", "mlx4_ib", "a-[b-c]-d", "a]b", "num_vfs=16", "probe_vf=8"),
        *('"x=1 2"', "port_type_array=1,1", 'num_vfs="1,2"', "#", "# num_vfs=1", "--", "="),
        *("x", "\\", "a\\b"),
    ]
)
commands = st.sampled_from(
    [
        *("options", " options", "\toptions", "#options", "# options", "option", "blacklist"),
        *("install", "softdep", "alias", ""),
    ]
)
ends = st.sampled_from(["\n", "\n", "\n", " \\\n", "\\\n  ", "\\\n#", " \n", "\n\n"])
lines = st.builds(
    lambda command, blank, rest, end: blank.join([command, *rest]) + end,
    commands,
    st.sampled_from([" ", "\t", "  ", " \t "]),
    st.lists(words, max_size=4),
    ends,
)
# A backslash before the end of a file is where versions of kmod differ.
texts = st.lists(lines, max_size=6).map(lambda all_of: "".join(all_of).rstrip("\\") + "\n")
names = st.sampled_from(
    ["a.conf", "b.conf", "Z.conf", ".conf", ".x.conf", "c.bak", "d.alias", "e.conf.rpmsave"]
)
files = st.dictionaries(st.tuples(st.sampled_from(FOLDERS), names), texts, max_size=5)
cmdlines = st.lists(
    st.sampled_from(
        [
            *("quiet", "mlx4_core.num_vfs=16", "mlx4-core.probe_vf=1", '"mlx4_core.num_vfs=1 2"'),
            *('mlx4_core.num_vfs="3 4"', "a.b.c=1", "a.b", '"a.b"', 'x"a.b=1', "root=a.b", "--"),
            *('"', "x=y.z", '""a.b=1', '"a b.c=1"', "a[-b.c=1", "a-[b-c].d=1"),
        ]
    ),
    max_size=5,
).map(lambda all_of: " ".join(all_of) + "\n")


def of_modprobe(texts: dict[tuple[str, str], str], cmdline: str) -> list[tuple[str, str]]:
    """Return module and options of each line, as modprobe has them."""
    with TemporaryDirectory(prefix="ibstack-modprobe-") as place:
        for folder in FOLDERS:
            Path(place + folder).mkdir(parents=True)
        for (folder, name), text in texts.items():
            (Path(place + folder) / name).write_text(text)
        (Path(place) / "cmdline").write_text(cmdline)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", place],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    shown, _, _ = done.stdout.partition("# End of configuration files")
    said = [line.split(" ", 2)[1:] for line in shown.splitlines() if line.startswith("options ")]
    return [(module, " ".join(rest.split())) for module, rest in said if rest.strip()]


def ours(texts: dict[tuple[str, str], str], cmdline: str) -> list[tuple[str, str]]:
    read = {f"{folder}/{name}": text for (folder, name), text in texts.items()}
    found = options_lines({**read, CMDLINE: cmdline})
    return [(each.module, " ".join(each.options.split())) for each in found]


@pytest.mark.real
@given(files, cmdlines)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
def test_modprobe_would_give_what_we_read(texts: dict[tuple[str, str], str], cmdline: str) -> None:
    assert ours(texts, cmdline) == of_modprobe(texts, cmdline)


@pytest.mark.real
def test_modprobe_shows_what_the_comparison_would_miss() -> None:
    """The judge reads what it was given, and not this machine's own."""
    texts = {(FOLDERS[0], "a.conf"): "options mlx4_core num_vfs=16\n"}

    assert of_modprobe(texts, "mlx4-core.num_vfs=3\n") == [
        ("mlx4_core", "num_vfs=16"),
        ("mlx4_core", "num_vfs=3"),
    ]
