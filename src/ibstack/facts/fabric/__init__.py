# SPDX-License-Identifier: Apache-2.0
"""What a walk of the fabric, OpenSM's files and its dump say."""
