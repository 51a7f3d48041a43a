# SPDX-License-Identifier: Apache-2.0
"""How a cluster's hosts are reached."""
