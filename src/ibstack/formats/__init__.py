# SPDX-License-Identifier: Apache-2.0
"""Texts of other programs that more than one room reads: one reader each, and nothing but text."""
