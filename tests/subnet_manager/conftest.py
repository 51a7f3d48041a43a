# SPDX-License-Identifier: Apache-2.0
"""Loads oslo.messaging once, before a test does."""

import warnings

from oslo_service import backend

with warnings.catch_warnings():
    # oslo.messaging loads eventlet where that is installed, as it is beside nova, and that warns.
    # The backend is Neutron's own choice, so that tests which load Neutron can follow in any order.
    warnings.simplefilter("ignore")
    backend.init_backend(backend.BackendType.THREADING)
    import oslo_messaging  # noqa: F401
