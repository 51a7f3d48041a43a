# SPDX-License-Identifier: Apache-2.0
"""How a store of an older ibstack becomes one of this: Alembic's revisions."""
