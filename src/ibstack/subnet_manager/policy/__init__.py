# SPDX-License-Identifier: Apache-2.0
"""Who may be where: decisions about partitions, their members and drift.  Pure."""
