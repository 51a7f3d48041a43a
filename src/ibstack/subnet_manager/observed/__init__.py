# SPDX-License-Identifier: Apache-2.0
"""What the fabric shows, read by datagrams: the judge of every subnet manager."""
