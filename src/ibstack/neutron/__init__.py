# SPDX-License-Identifier: Apache-2.0
"""What runs inside Neutron, and the client that its agents use."""
