# SPDX-License-Identifier: Apache-2.0
"""What an upgrade from networking-mlnx means for a site: files, partitions and bound ports."""
