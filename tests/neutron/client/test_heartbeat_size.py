# SPDX-License-Identifier: Apache-2.0
"""What a heartbeat leaves out where Neutron's column is too small for all of it."""

import json

import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.

# isort: split
from ibstack.neutron.client.heartbeat import fit


def test_a_report_that_is_too_long_loses_the_roomiest_tables_first() -> None:
    tables = [f"0x{n:016x} {n}" for n in range(1, 400)]

    fitted = fit({"problems": ["p" * 500], "small_tables": tables, "reserved_guids": ["0x1"]})

    assert len(json.dumps(fitted)) <= 4095
    assert fitted["small_tables"] == tables[: len(fitted["small_tables"])]
    assert len(fitted["small_tables"]) > 100
    assert fitted["reserved_guids"] == ["0x1"]
