# SPDX-License-Identifier: Apache-2.0
"""Configuration files of hosts: what follows from the cluster, and how it gets into a file.

`render/` says what a host's files are; `sections`, `frozen` and `write` put them where they belong
without losing anybody's work.  `checks` is what `validate` and `commit` find wrong.
"""
