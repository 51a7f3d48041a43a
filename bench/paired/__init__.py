# SPDX-License-Identifier: Apache-2.0
"""The same thing measured on two sides in turn, A B A B …, so that noise hits both alike.

Each side is a process that has all of its own ready (a cloud, a fabric, a database) and measures
once whenever it is asked: `rounds.py` is its end of the conversation, `probe.py` the other one.
What is told is the ratio of each pair, never a time of one side alone.

The measuring programs are `cloud`, `publish`, `desired` and `shell`.  What they need of the product
they take from the bench of their side, where names stay when those of the product move.
"""
