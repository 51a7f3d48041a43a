# SPDX-License-Identifier: Apache-2.0
"""How OpenSM reads what it is told: its command line and opensm.conf.  Texts in, values out."""
