# SPDX-License-Identifier: Apache-2.0
"""What Neutron's and Keystone's APIs say."""
