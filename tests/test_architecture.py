# SPDX-License-Identifier: Apache-2.0
"""The rules of STYLE.md that a machine can count.  import-linter holds the rest."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = (ROOT / "src", ROOT / "lab" / "src")
SOURCES = sorted(path for root in ROOTS for path in root.rglob("*.py"))
PYTHON = [
    *SOURCES,
    *sorted((ROOT / "tools").rglob("*.py")),
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "bench").rglob("*.py")),
]

# What reaches outside the process: each is named after what it touches.
ADAPTERS = {
    "ibstack.runtime.systemd",
    "ibstack_lab",
    "ibstack.mad",
    "ibstack.transport.reach_command",
    "ibstack.transport.remote_script",
    "ibstack.cluster.rollout.image_tree",
    "ibstack.cluster.shell.unix_commands",
    "ibstack.host.client.ebrctl",
    "ibstack.host.client.eswitch_client",
    "ibstack.host.eswitchd.eswitch_server",
    "ibstack.host.eswitchd.daemon",
    "ibstack.host.adapters.netlink",
    "ibstack.host.eswitchd.peer_credentials",
    "ibstack.neutron.agents.dhcp_socket",
    "ibstack.subnet_manager.opensm.processes",
    "ibstack.facts.this_host",
}
OUTSIDE = {"subprocess", "socket"}
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "base"}


def module_name(path: Path) -> str:
    root = next(root for root in ROOTS if path.is_relative_to(root))
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def imported_files(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, anywhere in it and for types alone too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                module = f"{node.module}.{name.name}"
                yield module if module in MODULES else node.module


def a_circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Return modules each of which imports the next, and the last the first; none: no circle."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def is_adapter(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in ADAPTERS)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_adapter_that_is_named_is_there() -> None:
    assert set(map(module_name, SOURCES)) >= ADAPTERS


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_adapters_reach_outside_the_process(path: Path) -> None:
    if not is_adapter(module_name(path)):
        assert OUTSIDE.isdisjoint(imported(ast.parse(path.read_text())))


MODULES = {module_name(path): path for path in SOURCES}


def test_a_circle_of_files_is_found() -> None:
    assert set(a_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})) == {"b", "c"}
    assert a_circle({"a": {"b"}, "b": {"c"}, "d": {"a"}}) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """What is imported for types alone counts: who reads one file needs the other."""
    arrows = {
        name: {*imported_files(path)} & MODULES.keys() - {name} for name, path in MODULES.items()
    }

    assert a_circle(arrows) == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_has_one_subject_and_a_name_that_says_it(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in EMPTY_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 45, f"{node.name} is too long"


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_a_file_names_its_licence_and_no_open_end(path: Path) -> None:
    text = path.read_text()

    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert not any(word in text for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X "))


def test_no_test_replaces_a_part_by_a_mock() -> None:
    for path in PYTHON:
        assert "unittest.mock" not in path.read_text().replace('"unittest.mock"', ""), path
