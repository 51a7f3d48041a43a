# SPDX-License-Identifier: Apache-2.0
"""What Neutron's files make of a network: where a plain one lands, and its MTU.  Pure."""
