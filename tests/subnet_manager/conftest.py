# SPDX-License-Identifier: Apache-2.0
"""Loads oslo.messaging once, before a test does, and as the daemons do."""

import ibstack.neutron.client.native_threads  # noqa: F401
