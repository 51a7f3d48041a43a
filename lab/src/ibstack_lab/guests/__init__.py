# SPDX-License-Identifier: Apache-2.0
"""The guests: namespaces with an ib0, and the wires that follow the observed tables."""
