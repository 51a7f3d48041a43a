# SPDX-License-Identifier: Apache-2.0
"""The cluster: what its administrator wants of images, categories, devices, roles and networks.

Each package knows those below it only.  `shell/`: the language in which administrators speak of a
cluster; `lint/`: what is odd in a cluster's files.  `rollout/`: how a commit gets to hosts, and
what they show; `text_file/`: the whole cluster as one file.  `config/`: what hosts' files follow
from the cluster.  `store/`: where it is kept.  `model/`: what objects there are.
"""
