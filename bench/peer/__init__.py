# SPDX-License-Identifier: Apache-2.0
"""networking-mlnx, unmodified, on a lab of its own."""
