# SPDX-License-Identifier: Apache-2.0
"""Plays the one call of nova's API that Neutron makes: events of ports, written down and taken.

    python -m ibstack_lab.services.nova_events PORT

Source: nova's api-ref, "Create External Events (os-server-external-events)".  What nova would do
with an event the lab's played nova does not wait for: it looks at the port.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_PATH: Final = "/v2.1/os-server-external-events"


class Events(BaseHTTPRequestHandler):
    """Answers as nova does where it knows the server of each event."""

    def do_POST(self) -> None:  # noqa: N802: the name is the standard library's
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != _PATH or not self.headers.get("X-Auth-Token"):
            self._answer(404 if self.path != _PATH else 401, {})
            return
        events: list[dict[str, Any]] = json.loads(body)["events"]
        for event in events:
            words = (event["name"], event.get("tag"), event.get("status"), event["server_uuid"])
            print("event", *words, flush=True)
        taken = [{"status": "completed", **event, "code": 200} for event in events]
        self._answer(200, {"events": taken})

    def log_message(self, *_: object) -> None:
        """Print events alone."""

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Events) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
