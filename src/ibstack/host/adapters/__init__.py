# SPDX-License-Identifier: Apache-2.0
"""The adapters of a host and their VFs, as the kernel shows and programs them."""
