# SPDX-License-Identifier: Apache-2.0
"""How a commit gets to hosts, what of it is missing there, and what they are installed from."""
