# SPDX-License-Identifier: Apache-2.0
"""The hosts: their fake sysfs, the drivers that are played on it, and ibstack's daemons."""
