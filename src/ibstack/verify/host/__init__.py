# SPDX-License-Identifier: Apache-2.0
"""Is this host ready: its adapter, its VFs, its services."""
