# SPDX-License-Identifier: Apache-2.0
"""Does the cloud agree with itself: Neutron's agents, its files, its hosts."""
