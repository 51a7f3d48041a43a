# SPDX-License-Identifier: Apache-2.0
"""What asks ibstack-eswitchd: ebrctl, the agent and the commands; and what it answers."""
