# SPDX-License-Identifier: Apache-2.0
"""What daemons run on: the one reconcile loop, signals, threads, systemd, numbers, files."""
