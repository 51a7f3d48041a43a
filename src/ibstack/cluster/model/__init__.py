# SPDX-License-Identifier: Apache-2.0
"""The objects of a cluster: their kinds and properties, a state of them, and edits to it.  Pure."""
