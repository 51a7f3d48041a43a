# SPDX-License-Identifier: Apache-2.0
"""What is said of a site's genders lines that some builds of genders do not read."""

from __future__ import annotations

from ibstack.cluster.config.genders import BesideLines

SECTION = "node001 all,category=default\n"


def test_a_line_that_some_genders_do_not_read_is_told_of_and_the_section_written() -> None:
    fitted = BesideLines().fitted(SECTION, b"login all\nnode001.example.org rack=1\n", {})

    assert fitted.text == SECTION
    (remark,) = fitted.remarks
    assert remark.what == "line 2"
    assert "no name with a dot" in remark.found


def test_nothing_is_told_of_lines_that_every_genders_reads() -> None:
    assert BesideLines().fitted(SECTION, b"login all\nnode[002-003] rack=1\n", {}).remarks == ()
