# SPDX-License-Identifier: Apache-2.0
"""The language in which administrators speak of the cluster, and a session in it."""
