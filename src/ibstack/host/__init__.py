# SPDX-License-Identifier: Apache-2.0
"""Virtual functions: what a host programs into its adapters."""
