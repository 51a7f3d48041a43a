# SPDX-License-Identifier: Apache-2.0
"""The reconciler of one fabric, and what it is made of."""
