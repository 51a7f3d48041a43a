# SPDX-License-Identifier: Apache-2.0
"""The demo: what a cloud does with InfiniBand networks, each step read back."""

from ibstack_lab.demo.run import Demo

__all__ = ["Demo"]
