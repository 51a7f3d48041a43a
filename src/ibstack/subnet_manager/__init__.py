# SPDX-License-Identifier: Apache-2.0
"""Partitions: what a subnet manager is told, and what the fabric then shows."""
