# SPDX-License-Identifier: Apache-2.0
"""Lint of a whole cloud's configuration, across files and hosts.

`sources` reads it, `checks/` has one entry for each thing that can be wrong, `findings` runs them.
"""
