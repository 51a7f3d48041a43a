# SPDX-License-Identifier: Apache-2.0
"""Why does this port not work: its whole way, step by step."""
