"""What counts as a failure of the dependency, and not as its answer."""

import http.client


class Unavailable(Exception):
    """It answered that it cannot now, like HTTP 429, 502, 503 and 504. `retry_after` seconds are
    what it asks for."""

    def __init__(self, reason: str, *, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Exception):
    """It answered that it will not do this. It lives, and asking again would not change its mind."""


# Worth another attempt. The breaker counts whatever an attempt raises, except for `Refused`.
FAILURES = (OSError, http.client.HTTPException, Unavailable)
