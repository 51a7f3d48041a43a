# SPDX-License-Identifier: Apache-2.0
"""udev applies rules to an interface, and our reader says which of them fit it.

`udevadm test` of a bridge, in namespaces of its own, over files that Hypothesis makes.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.formats.udev_rules import Token, all_rules, matches

UDEV: Final = Path(__file__).parents[2] / ".cache/udev"
_SCRIPT: Final = """\
set -eu
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/udev/rules.d /run/systemd
mount --bind "$2/run" /run/udev/rules.d
mkdir -p /etc/udev
mount -t tmpfs tmpfs /etc/udev
mkdir /etc/udev/rules.d
mount --bind "$2/etc" /etc/udev/rules.d
ip link add ib0 type bridge
exec "$1/bin/udevadm" test --action=add /sys/class/net/ib0
"""
_FACTS: Final = {
    ("ACTION", ""): "add",
    ("SUBSYSTEM", ""): "net",
    ("KERNEL", ""): "ib0",
    ("ENV", "INTERFACE"): "ib0",
    ("ENV", "DEVTYPE"): "bridge",
    ("ATTR", "mtu"): "1500",
    ("ATTR", "type"): "1",
}
_LIMIT_S: Final = 30.0

keys = st.sampled_from(
    ["ACTION", "SUBSYSTEM", "KERNEL", "ENV{INTERFACE}", "ENV{DEVTYPE}", "ATTR{mtu}", "ATTR{type}"]
)
patterns = st.sampled_from(
    [
        *("add", "net", "ib0", "ib*", "ib?", "ib[0-9]", "ib[!0]", "ib[^1-9]", "pci|net", "ib1|ib0"),
        *("*", "1500", "15*", "32", "bridge", "remove|add", "x", ""),
    ]
)
tokens = st.builds(
    lambda key, operator, pattern, flag: f'{key}{operator}{flag}"{pattern}"',
    keys,
    st.sampled_from(["==", "!=", " == ", "!= "]),
    patterns,
    st.sampled_from(["", "", "", "e"]),
)
# What udev refuses: then the whole line does not count.
broken = st.sampled_from(['KERNEL="ib0"', "KERNEL==ib0", 'NOSUCH=="x"', 'KERNEL=="ib0', "x"])
separators = st.sampled_from([", ", ",", " , ", ", \\\n  ", ",\\\n# a comment\n", " "])


@st.composite
def files(draw: st.DrawFn) -> dict[tuple[str, str], str]:
    """Rules of which each that fits sets a property of its own."""
    texts: dict[tuple[str, str], str] = {}
    count = 0
    names = st.sampled_from(["10-a.rules", "20-b.rules", "5-c.rules", "x.conf"])
    for where in draw(st.lists(st.tuples(st.sampled_from(["etc", "run"]), names), max_size=4)):
        lines = []
        for _ in range(draw(st.integers(1, 4))):
            count += 1
            parts = draw(st.lists(tokens, min_size=1, max_size=3))
            if draw(st.integers(0, 9)) == 0:
                parts.append(draw(broken))
            last = draw(st.sampled_from([f'ENV{{HIT_{count}}}="1"'] * 3 + ['GOTO="end"']))
            line = draw(separators).join([*parts, last])
            lines.append(draw(st.sampled_from(["", "", "  ", "# "])) + line)
        lines.append('LABEL="end"')
        texts[where] = "\n".join(lines) + "\n"
    return texts


def of_udev(texts: dict[tuple[str, str], str]) -> set[str]:
    """Return the properties that udev sets."""
    with TemporaryDirectory(prefix="ibstack-udev-") as place:
        for folder in ("etc", "run"):
            (Path(place) / folder).mkdir()
        for (folder, name), text in texts.items():
            (Path(place) / folder / name).write_text(text)
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", _SCRIPT, "sh", str(UDEV), place],
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^(HIT_\d+)=1$", done.stdout, re.M))


def ours(texts: dict[tuple[str, str], str]) -> set[str]:
    """Return the properties that are set where our reader is right about the conditions."""
    read = {f"/{folder}/udev/rules.d/{name}": text for (folder, name), text in texts.items()}
    found = set()
    for rules in all_rules(read):
        until = None
        for rule in rules:
            if until is not None and rule.value("LABEL") != until:
                continue
            until = None
            if all(holds(token) for token in rule.conditions):
                found |= {t.attribute for t in rule.tokens if t.attribute.startswith("HIT_")}
                until = rule.value("GOTO")
    return found


def holds(token: Token) -> bool:
    values = [_FACTS[token.key, token.attribute]]
    return matches(token, values) is (token.operator == "==")


@pytest.mark.real
@given(files())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
def test_udev_applies_the_rules_that_we_say_fit(texts: dict[tuple[str, str], str]) -> None:
    if not (UDEV / "bin/udevadm").exists():
        pytest.skip("needs udev, unpacked into .cache/udev: tools/setup test")
    assert ours(texts) == of_udev(texts)


@pytest.mark.real
def test_udev_sets_what_the_comparison_looks_for() -> None:
    if not (UDEV / "bin/udevadm").exists():
        pytest.skip("needs udev, unpacked into .cache/udev: tools/setup test")
    texts = {("etc", "10-a.rules"): 'KERNEL=="ib0", ENV{HIT_1}="1"\nKERNEL=="x", ENV{HIT_2}="1"\n'}

    assert of_udev(texts) == {"HIT_1"}
