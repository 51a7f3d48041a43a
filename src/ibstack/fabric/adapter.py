# SPDX-License-Identifier: Apache-2.0
"""The kinds of InfiniBand adapters."""

from __future__ import annotations

import enum


class AdapterKind(enum.Enum):
    """How an adapter gives its VFs to the fabric; named after its kernel driver."""

    MLX4 = "mlx4"
    """ConnectX-3: VFs share the P_Key table of the physical port; the host maps its entries."""

    MLX5 = "mlx5"
    """ConnectX-4 and later: each VF is a port of its own to the subnet manager."""
