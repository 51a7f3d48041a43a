# SPDX-License-Identifier: Apache-2.0
"""One file to a revision, named by it."""
