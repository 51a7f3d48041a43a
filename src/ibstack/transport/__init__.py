# SPDX-License-Identifier: Apache-2.0
"""How hosts are reached: by ssh, or as folders of this machine; many at once, in one way."""
