# SPDX-License-Identifier: Apache-2.0
"""The reference page has every id that a check can find, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_lists_the_ids_of_all_checks() -> None:
    page = (ROOT / "docs/reference/cluster-lint.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    sources = (ROOT / "src/ibstack/cluster/lint/checks").glob("*.py")
    text = "".join(each.read_text(encoding="utf-8") for each in sources)
    found = set(re.findall(r'(?:[Ff]inding|_open|_Odd)\(\s*"([a-z-]+)"', text))

    assert set(listed) == found
    assert len(listed) == len(found)
