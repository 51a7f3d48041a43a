# SPDX-License-Identifier: Apache-2.0
"""Is this fabric safe: its subnet managers, their files, the tables of its ports."""
