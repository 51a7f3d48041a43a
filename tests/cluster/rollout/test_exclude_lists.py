# SPDX-License-Identifier: Apache-2.0
"""rsync is the judge: what an accepted line of an exclude list names is still there after AUTO.

Each line is a path of the host, spelled in one of the ways that people write.  A list is refused,
and nothing is touched, or every path that it names stays, and so does what ibstack itself keeps.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ibstack.cluster.model.exclude_list import exactly, read_exclude_list
from ibstack.cluster.rollout import image_tree
from ibstack.fabric.errors import BadInput

KEPT = "/var/spool/ib[st]ack/kept"
NAMES = (
    "data",
    "My Documents",
    "-x",
    "#d",
    "!n",
    "+p",
    "P data",
    ".rc",
    "a,b",
    "{a,b}",
    "~",
    "b\\c",
)
PLAIN = ("{path}", "- {path}", "  - {path} \r", "{path}/***", "no-new-files: {path}")
OTHERWISE = (
    *("{path} # of the users", "{path} ;x", "P {path}", "-{path}", "-/{path}", "-,s {path}", "!"),
    *(
        "! {path}",
        "!{path}",
        "+ {path}",
        "+{path}",
        "H {path}",
        "R,s {path}",
        ". {path}",
        ": {path}",
    ),
    *("merge {path}", "dir-merge,- {path}", "exclude {path}", "protect {path}", "'{path}'"),
    *('"{path}"', "{path} /srv", "{path},/srv", "no-new-file: {path}", "No-new-files: {path}"),
    *("no-new-files {path}", "- - {path}", "/.{path}", "/{path}", "//srv/..{path}", "{path}\\"),
    *(
        "$HOME{path}",
        "~{path}",
        "{name}",
        "**/{name}",
        "- {name}",
        "{path}/",
        "{path}/.",
        "{path}[a",
    ),
    *("{path}[[:dir:]]", "{{{path},/srv}}", "{path}/{{f,g}}", "no-new-files:- {path}"),
)


@st.composite
def named(draw: st.DrawFn, ways: tuple[str, ...]) -> tuple[str, str]:
    """Return a path of the host, and a line that a person may mean it by."""
    name = draw(st.sampled_from(NAMES))
    path = draw(st.sampled_from(("/{}", "/srv/{}"))).format(name)
    line = draw(st.sampled_from(ways)).format(path=path, name=name)
    assume(not line.startswith("#"))  # A comment names nothing.
    return path, line


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(named((*PLAIN, *OTHERWISE)), min_size=1, max_size=3))
def test_what_an_accepted_list_names_stays(tmp_path: Path, lines: list[tuple[str, str]]) -> None:
    image, root = trees(tmp_path, [KEPT, *(path for path, _ in lines)])

    refused = ""
    try:
        image_tree.update(image, root, [line for _, line in lines], [KEPT])
    except BadInput as error:
        refused = str(error)
    assert (root / "of-nobody").exists() == ("its exclude list has line " in refused)
    for path in (*(path for path, _ in lines), KEPT):
        assert (root / path.lstrip("/") / "f").read_text() == "of the host\n", lines


@given(line=named(PLAIN))
def test_plain_patterns_are_accepted(line: tuple[str, str]) -> None:
    path, written = line
    assert bool(read_exclude_list([written])[1]) == ("\\" in path or "{" in path)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "  ",
            "# of the site",
            "; the same",
            "/data",
            "core.*",
            "/dat[ab]",
            "/dat[]]",
            "[-]x",
        ),
        *(
            "lost+found/",
            "/proc/*",
            "*.o",
            "- *~",
            "/a\\*b",
            "/[[:alnum:]]x",
            "/[!a-c]",
            "Private/",
        ),
        *("P_x", "/a; b", "clear", "/b[\\\\]c", "/x[a\\]b]"),
    ],
)
def test_these_lines_are_what_they_look_like(line: str) -> None:
    assert read_exclude_list([line])[1] == ()


def test_without_the_judgement_rsync_takes_the_path_away(tmp_path: Path) -> None:
    image, root = trees(tmp_path, ["/data"])

    argv = ("rsync", "-a", "--delete", "--exclude=/data # of the users", f"{image}/", f"{root}/")
    subprocess.run(argv, check=True)

    assert not (root / "data").exists()


def test_a_path_that_is_kept_is_no_pattern(tmp_path: Path) -> None:
    for path in ("/a[b]*?", "/plain", "/back\\slash", "/b\\[c"):
        image, root = trees(tmp_path, [path, "/ab"])
        image_tree.update(image, root, (), [path])
        assert {*os.listdir(root)} == {path[1:], "etc"}, exactly(path)


def trees(folder: Path, paths: list[str]) -> tuple[Path, Path]:
    """Return an image, and the files of a host that has these folders besides."""
    image, root = folder / "image", folder / "root"
    for each in (image, root):
        shutil.rmtree(each, ignore_errors=True)
        (each / "etc").mkdir(parents=True)
    for path in paths:
        place = root / path.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "f").write_text("of the host\n")
    (root / "of-nobody").write_text("")
    return image, root
