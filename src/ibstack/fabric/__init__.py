# SPDX-License-Identifier: Apache-2.0
"""The words of the fabric: values that every other room speaks in.  Stdlib only."""
