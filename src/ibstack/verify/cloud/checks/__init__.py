# SPDX-License-Identifier: Apache-2.0
"""One module for each subject; its checks are functions with `@rule(…)`."""
