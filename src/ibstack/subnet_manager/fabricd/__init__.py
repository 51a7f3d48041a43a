# SPDX-License-Identifier: Apache-2.0
"""ibstack-fabricd: what it is told, whom it asks, and what puts its parts together."""
