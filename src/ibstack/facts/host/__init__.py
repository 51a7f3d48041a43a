# SPDX-License-Identifier: Apache-2.0
"""What the texts of a host say: adapters, VFs, firmware, services."""
