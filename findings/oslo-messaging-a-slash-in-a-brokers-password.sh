#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# oslo.messaging 18.3.1 with kombu 5.7.0: a password of the broker that has a slash cannot be used.
# transport_url is read rightly (%2F is the slash), and the rabbit driver puts it into a URL for
# kombu by urllib's quote(), which leaves slashes as they are; kombu then takes what stands before
# it for host and port.  Other signs that need quoting (@, :) work.  Expected: a connection is tried
# with every password, as it is for p@ss; nothing listens on port 1.  Exit 1 where that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q --disable-pip-version-check install oslo.messaging==18.3.1 kombu==5.7.0 >/dev/null 2>&1

cat >"$folder/connect.py" <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import common, impl_rabbit

transport = oslo_messaging.get_rpc_transport(cfg.ConfigOpts(), sys.argv[1])
url = transport._driver._url
try:
    impl_rabbit.Connection(transport.conf, url, common.PURPOSE_SEND, retry=0)
except Exception as error:
    print(f"{url.hosts[0].password}: {type(error).__name__}: {error}")
PYTHON
seen() { timeout 60 "$folder/venv/bin/python" "$folder/connect.py" "rabbit://ibstack:$1@127.0.0.1:1/" 2>/dev/null; }

at=$(seen p%40ss)
slash=$(seen p%2Fss)
printf '%s\n' "$at" "$slash"
[[ $at == 'p@ss: '*refused* ]] || { echo "changed: p@ss is not tried any more"; exit 1; }
[[ $slash == 'p/ss: ValueError: Port could not be cast'* ]] || { echo "changed: p/ss"; exit 1; }
