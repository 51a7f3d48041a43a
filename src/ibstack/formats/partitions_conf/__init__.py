# SPDX-License-Identifier: Apache-2.0
"""OpenSM's partitions.conf, as OpenSM itself takes it."""
