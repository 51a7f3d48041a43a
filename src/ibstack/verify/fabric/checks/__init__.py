# SPDX-License-Identifier: Apache-2.0
"""One module for each check; each has a `RULE`."""
