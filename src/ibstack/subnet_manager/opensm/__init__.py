# SPDX-License-Identifier: Apache-2.0
"""OpenSM behind the seam: its partitions file, its processes, its proof, its groups."""
