# SPDX-License-Identifier: Apache-2.0
"""`ibstack verify` as a person types it, on collections."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from command_line import Answer, ibstack
from verify.faults import CLOUD, SITE

if TYPE_CHECKING:
    from pathlib import Path


def verify(*arguments: str) -> Answer:
    return ibstack("verify", *arguments)


def test_where_all_holds_it_says_so_and_exits_with_0() -> None:
    done = verify("--all", "--from", str(SITE))

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d{2,} hold, 0 failed, 0 could not be looked at\n", done.stdout)


def test_json_says_what_is_not_known_as_null(tmp_path: Path) -> None:
    site = CLOUD[0].inject(tmp_path)
    (site / "node002/commands/dmesg").unlink()

    done = verify("host", "--from", str(site), "-f", "json")

    (row,) = [row for row in json.loads(done.stdout) if row["id"] == "driver-log" and row["why"]]
    assert done.returncode == 4
    assert row["found"] is None
    assert row["hosts"] == ["node002"]
    assert row["state"] == "not looked at"


def test_it_wants_to_know_what_to_verify() -> None:
    done = verify()

    assert done.returncode == 2
    assert "say `verify host`, fabric, cloud, or --all" in done.stderr
