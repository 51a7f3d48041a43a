# SPDX-License-Identifier: Apache-2.0
"""The cluster: what its administrator wants of images, categories, devices, roles and networks.

`model/` what objects there are, `store/` where they are kept, `files/` what hosts get of them,
`shell/` the language in which administrators speak of them.
"""
