# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd: gives VFs to instances and programs them; knows nothing of OpenStack."""
