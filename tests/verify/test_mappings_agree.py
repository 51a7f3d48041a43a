# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd, verify and lint read one file as one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ibstack.cluster.lint.checks.neutron_names import mappings
from ibstack.cluster.lint.configuration import HostConfiguration, LintFile
from ibstack.cluster.lint.finding import Place
from ibstack.fabric.errors import BadInput
from ibstack.facts.evidence import ESWITCHD_CONF, Missing
from ibstack.facts.host.interfaces import mapped
from ibstack.formats.eswitchd_conf import MAPPING_KEYS
from ibstack.host.eswitchd import config as eswitchd_config
from verify.judged import host_with

lines = st.sampled_from(
    [
        *("[eswitch]", "[ESWITCH]", "[daemon]", "[DAEMON]", "[eswitchd]", "[agent]", "[", "", "x"),
        *("physical_interface_mappings = ibhostnet:ib0", "fabrics = 'ibhostnet:ib0'", "fabrics ="),
        *(
            "Fabrics: a:ib0,b:ib1",
            "fabrics = a:ib0, a:ib0",
            "  ,c:ib2",
            "physical_interface_mappings=",
        ),
        *(
            'fabrics = "a:ib0,b"',
            "socket = /run/s",
            "socket = run",
            "what = 1",
            "# fabrics = z:ib9",
        ),
        *("fabrics = a:ib0 # b", "fabrics = a: ib0", "fabrics = a:b:ib0", "fabrics = %(x)s:ib0"),
    ]
)
texts = st.one_of(
    st.lists(lines, max_size=8).map("\n".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd\r"), max_size=40),
)


@given(texts)
@example("[daemon]\nFabrics: a:ib0,b:ib1\n")
@example("[eswitch] # ours\n  physical_interface_mappings = a:ib0\n\n    , b:ib1\n")
@settings(deadline=None)
def test_what_verify_takes_for_mapped_is_what_eswitchd_serves(text: str) -> None:
    seen = mapped(host_with({ESWITCHD_CONF: text}))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "eswitchd.conf"
        file.write_text(text, newline="")
        try:
            served = eswitchd_config.load(file).mappings
        except BadInput:
            assert isinstance(seen, Missing) or seen.faults
            return
    assert not isinstance(seen, Missing)
    assert (seen.mappings, seen.faults) == (served, ())
    # lint judges every option that maps, not the one alone that counts.
    assert {(each.physical_network, each.interface) for each in served} <= by_lint(text)


def by_lint(text: str) -> set[tuple[str, str]]:
    file = LintFile(Place("/etc/ibstack/eswitchd.conf", "h"), text.encode())
    found = mappings(HostConfiguration("h", {file.path: file}), *MAPPING_KEYS)
    return {(each.network, each.interface) for each in found}
