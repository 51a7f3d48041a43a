# SPDX-License-Identifier: Apache-2.0
"""ibstack-agent: what Neutron wants of this host's VFs, and what is reported back to it."""
