# SPDX-License-Identifier: Apache-2.0
"""Where the cluster's objects are kept: a database, in which every commit is one transaction."""
