# SPDX-License-Identifier: Apache-2.0
"""Real nova in the lab: its services, and under nova-compute a hypervisor that is a folder."""
