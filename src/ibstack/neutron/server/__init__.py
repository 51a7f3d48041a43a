# SPDX-License-Identifier: Apache-2.0
"""What runs inside neutron-server: the mechanism driver, and what answers ibstack's daemons."""
