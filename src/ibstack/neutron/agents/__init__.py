# SPDX-License-Identifier: Apache-2.0
"""What Neutron's DHCP and L3 agents load, and what is seen of DHCP on their hosts."""
