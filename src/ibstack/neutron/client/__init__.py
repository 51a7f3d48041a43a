# SPDX-License-Identifier: Apache-2.0
"""How ibstack's daemons speak with Neutron over the site's broker; imports nothing of Neutron."""
