# SPDX-License-Identifier: Apache-2.0
"""Independent checks, which only read: host ready, fabric safe, and why a port is down."""
