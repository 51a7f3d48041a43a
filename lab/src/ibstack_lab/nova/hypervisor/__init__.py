# SPDX-License-Identifier: Apache-2.0
"""What nova-compute of the lab has on PYTHONPATH, and no other program: `libvirt`."""
