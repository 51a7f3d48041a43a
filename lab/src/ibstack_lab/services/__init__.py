# SPDX-License-Identifier: Apache-2.0
"""What a controller runs: database, broker, identity, network service; and DHCP's agent."""
