# SPDX-License-Identifier: Apache-2.0
"""The whole cluster as one YAML file, for people who keep it in git.

Its form follows from the catalogue of kinds: `writing` and `reading` are each other's inverse,
`schema` says the same to editors, `plan` compares a file with a cluster.
"""
