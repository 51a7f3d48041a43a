# SPDX-License-Identifier: Apache-2.0
"""Configuration files of hosts: what follows from the cluster, and how it gets into a file.

`render/` says what a host's files are; `modifications` edits single keys; `sections`,
`frozen`, `write` and `host_folder` put them where they belong without losing anybody's work.
"""
