# SPDX-License-Identifier: Apache-2.0
"""What was read of hosts, a fabric and a cloud, or recorded of them; never judged or changed."""
