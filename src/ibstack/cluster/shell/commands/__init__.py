# SPDX-License-Identifier: Apache-2.0
"""The commands of the shell, one file for each group of them."""
