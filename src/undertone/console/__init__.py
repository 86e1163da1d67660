"""The operators' pages under `/console`: signing in, and one file a page. `routers` is what `app` includes.

Server-rendered; a page that changes by itself is fetched again when its stream says so, and only the marked parts are
exchanged. Opened by an API key or by the link that `serve` prints.
"""

from undertone.console import frame, home, sessions, sign_in
from undertone.console.sign_in import failures_allowed

ROUTERS = (sign_in.router, home.router, sessions.router, frame.router)

__all__ = ["ROUTERS", "failures_allowed"]
