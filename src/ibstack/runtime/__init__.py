# SPDX-License-Identifier: Apache-2.0
"""What every daemon runs on: the one reconcile loop, signals and threads, systemd, numbers, files."""
