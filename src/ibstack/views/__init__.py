# SPDX-License-Identifier: Apache-2.0
"""Use cases that return plain data: what the command line prints, and whatever else shows it.

A view parses no options and prints nothing.  What a person should know beside the answer (that a
port is not served, that Neutron was away) goes to the `remark` that the caller hands in.
"""
