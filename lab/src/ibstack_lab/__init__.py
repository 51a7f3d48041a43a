# SPDX-License-Identifier: Apache-2.0
"""A whole cloud on one machine: everything that can be real is real."""
