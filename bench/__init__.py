# SPDX-License-Identifier: Apache-2.0
"""What is measured, and beside whom: `tools/bench --help`.

Each part is a program that prints one line of JSON.  Its figures for the table are under the key
`rows`, a list of what `Row` (row.py) is made of, or `seconds`: `median` and `worst`, by what was
done where that is more than one thing.  The rest is kept as it is.
"""
