# SPDX-License-Identifier: Apache-2.0
"""Lint knows every option of ibstack by its file, and calls no option of anybody's unknown."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.lint.cloud_folders import of, put
from ibstack.cluster.lint.checks.names import options as unknown_options
from ibstack.cluster.lint.checks.values import quotes
from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, LintFile
from ibstack.cluster.lint.finding import Place
from ibstack.cluster.lint.known_files import OWN, Reader, options_of
from ibstack.formats import eswitchd_conf

if TYPE_CHECKING:
    from ibstack.cluster.lint.known_files import Option

ROOT = Path(__file__).parents[3]
ESWITCHD = "/etc/ibstack/eswitchd.conf"
FILES = {
    Reader.AGENT: ("/etc/ibstack/agent.conf", "agent.md"),
    Reader.FABRICD: ("/etc/ibstack/fabricd.conf", "fabricd.md"),
    Reader.ESWITCHD: (ESWITCHD, "eswitchd.md"),
    Reader.SERVER: ("/etc/neutron/plugins/ml2/ml2_conf.ini", "driver.md"),
    Reader.DHCP_AGENT: ("/etc/neutron/dhcp_agent.ini", "interface-driver.md"),
    Reader.L3_AGENT: ("/etc/neutron/l3_agent.ini", "interface-driver.md"),
}


Lists = dict[str, dict[str, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def lists() -> Lists:
    """What the programs list themselves, by ibstack's programs and by files."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests/option_lists.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Lists = json.loads(done.stdout)
    return found


def real(reader: Reader, lists: Lists) -> set[Option]:
    return {(section, key) for section, key in lists["own"][reader.value]}


def host(path: str, text: str) -> Cloud:
    file = LintFile(Place(path, "h1"), text.encode())
    return Cloud((HostConfiguration("h1", {path: file}),))


@pytest.mark.parametrize("reader", list(FILES))
def test_ibstacks_options_are_those_of_its_programs(reader: Reader, lists: Lists) -> None:
    known = {(section, key) for section, keys in OWN[reader].items() for key in keys}

    assert known == real(reader, lists)
    assert OWN.keys() == FILES.keys()


@pytest.mark.parametrize("reader", list(FILES))
def test_every_option_of_ibstack_is_known_in_its_file(reader: Reader, lists: Lists) -> None:
    path, _ = FILES[reader]
    text = "".join(f"[{section}]\n{key} = x\n" for section, key in sorted(real(reader, lists)))

    assert list(unknown_options(host(path, text))) == []
    assert real(reader, lists) <= options_of(path)


@pytest.mark.parametrize("reader", list(FILES))
def test_the_reference_documents_what_lint_knows(reader: Reader, lists: Lists) -> None:
    page = (ROOT / "docs/reference" / FILES[reader][1]).read_text(encoding="utf-8")
    # In tables and prose: `option`, or `[section] option`.
    words = {word.rpartition(" ")[2] for word in re.findall(r"`([^`\n]+)`", page)}

    assert {key for section, key in real(reader, lists) if section != "DEFAULT"} - words == set()


@pytest.mark.parametrize("reader", [Reader.AGENT, Reader.FABRICD, Reader.SERVER, Reader.ESWITCHD])
def test_an_option_that_is_a_letter_off_is_told_of(reader: Reader, lists: Lists) -> None:
    path, _ = FILES[reader]
    long = sorted(
        each for each in real(reader, lists) if len(each[1]) >= 8 and each[0] != "DEFAULT"
    )
    assert long
    for section, key in long:
        off = key[:-1] + ("y" if key[-1] != "y" else "s")
        (finding,) = unknown_options(host(path, f"[{section}]\n{off} = 1\n"))

        assert (finding.id, finding.remedy) == ("unknown-name", f"write {key}")


def test_no_option_of_neutron_nova_or_oslo_is_called_unknown(lists: Lists) -> None:
    """As these programs themselves list them, the names of former releases included."""
    assert min(map(len, lists["files"].values())) > 25
    for path, options in lists["files"].items():
        text = "".join(f"[{section}]\n{key} = 1\n" for section, key in options)

        assert [each.key for each in unknown_options(host(path, text))] == [], path


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["'", '"', "", " "]),
            st.sampled_from(["ib:ib0", "st:ib1", "ib:'ib2'", "'x':ib3", 'y:ib"4']),
            st.sampled_from(["'", '"', "", " "]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(eswitchd_conf.MAPPING_KEYS),
)
def test_quotes_are_left_where_ibstack_eswitchd_leaves_them(
    parts: list[tuple[str, str, str]], option: Option
) -> None:
    value = ",".join("".join(part) for part in parts).strip()
    faults: list[str] = []
    read = eswitchd_conf.parse_mappings(value, faults, "it")
    names = [name for each in read for name in (each.physical_network, each.interface)]
    if faults:  # It does not start, and says so itself.
        return
    left = any(quote in name for name in names for quote in "'\"")

    section, key = option
    found = list(quotes(host(ESWITCHD, f"[{section}]\n{key} = {value}\n")))

    assert bool(found) == left


def test_a_mapping_in_quotes_is_well_for_whoever_reads_it(tmp_path: Path) -> None:
    text = "[DAEMON]\nfabrics='ibphysnet:ib0'\n"
    for number, path in enumerate(("ibstack", "eswitchd", "kolla/neutron-eswitchd")):
        put(tmp_path, f"h{number}", f"etc/{path}/eswitchd.conf", text)

    assert of("quotes-in-value", folder=tmp_path) == []


def test_a_file_of_kolla_that_is_no_ini_file_is_not_read_as_one(tmp_path: Path) -> None:
    put(tmp_path, "h1", "etc/kolla/nova-libvirt/qemu.conf", "no ini file\n")
    put(tmp_path, "h1", "etc/kolla/nova-api/nova-api-wsgi.conf", "Listen 8774\n")

    assert of("not-an-ini-file", folder=tmp_path) == []
