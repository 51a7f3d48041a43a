# SPDX-License-Identifier: Apache-2.0
"""InfiniBand networks for OpenStack clouds, and the configuration of the hosts they need."""
