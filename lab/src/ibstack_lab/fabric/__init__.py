# SPDX-License-Identifier: Apache-2.0
"""The fabric: simulated wires, the real subnet managers on them, and ways to look and to tamper."""
