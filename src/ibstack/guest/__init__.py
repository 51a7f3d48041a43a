# SPDX-License-Identifier: Apache-2.0
"""The configuration of `ib0` in guests that nothing manages."""
