# SPDX-License-Identifier: Apache-2.0
"""Readers of texts that other programs read as well: pure functions, shared by the rooms above."""
