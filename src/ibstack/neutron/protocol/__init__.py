# SPDX-License-Identifier: Apache-2.0
"""What Neutron's side and ibstack's daemons tell each other: names, values, how they are read."""
