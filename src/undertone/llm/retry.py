"""What went wrong at a model's endpoint, in words, and whether trying again makes sense.

    fault = explain(error, where="api.x.ai", model="grok-4.3", secret=key)
    pause = backoff(attempt, fault)

A retry multiplies load exactly when there is too much of it, so `RetryBudget` grants about one retry for ten requests
and a small floor. Knows the openai client's errors; decides nothing about streams.
"""

import random
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
import openai

CLIENT_ERRORS = (openai.APIError, httpx2.HTTPError, aiohttp.ClientError, OSError, ValueError)
"""All that a call to an endpoint may raise: TimeoutError is an OSError, malformed JSON a ValueError."""
LONGEST_WAIT_S = 8.0
"""A provider that asks for more than this gets its wish: we fail now, and whoever asked may come back later."""
_KEYLIKE = re.compile(r"\b(sk|xai|gsk|key)-[\w*.-]{6,}")
_CLIENT_PREFIX = re.compile(r"^Error code: \d+ - ")


class EndpointError(Exception):
    """One failed attempt: a sentence a person can act on, and what may be done about it."""

    def __init__(self, detail: str, *, again: bool = False, wait_s: float | None = None, status: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.again = again
        self.wait_s = wait_s
        """Seconds the endpoint asked us to wait, None when it did not say."""
        self.status = status
        """The HTTP status, 0 when there was none."""


def explain(error: Exception, *, where: str, model: str, secret: str = "") -> EndpointError:
    """Turn the client's error into an EndpointError. Neither the key nor anything that looks like one is repeated."""
    match error:
        case openai.APIStatusError():
            return _explain_status(error, where, model, secret)
        case openai.APITimeoutError() if isinstance(error.__cause__, httpx2.ConnectTimeout):
            return _unreachable(where)  # so the client calls a refused or dropped connection
        case openai.APITimeoutError() | TimeoutError():
            return EndpointError(
                f"{where} did not answer in time. Try again, or raise the model's deadlines.", again=True
            )
        case openai.APIConnectionError() | httpx2.HTTPError() | aiohttp.ClientError() | OSError():
            return _unreachable(where)
        case openai.APIError():
            return EndpointError(
                f"{where} reported an error while answering: {_said(error.message, secret)}", again=True
            )
        case _:
            return EndpointError(f"{where} sent something we cannot read: {_said(str(error), secret)}")


def backoff(attempt: int, fault: EndpointError) -> float:
    """Return seconds to wait after the given failed attempt (1, 2, ...): full jitter, never before `wait_s`."""
    return (fault.wait_s or 0.0) + random.uniform(0.0, min(4.0, 0.25 * 2**attempt))


class RetryBudget:
    """Grants retries in proportion to requests: `ratio` of them, and `floor_per_s` besides, at most `most` saved up."""

    def __init__(
        self,
        ratio: float = 0.1,
        floor_per_s: float = 0.2,
        most: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio, self._floor, self._most, self._clock = ratio, floor_per_s, most, clock
        self._saved = min(most, 5.0)
        self._seen = clock()

    def earn(self) -> None:
        """Count one request."""
        self._saved = min(self._most, self._saved + self._ratio)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        now = self._clock()
        self._saved = min(self._most, self._saved + (now - self._seen) * self._floor)
        self._seen = now
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True


def _unreachable(where: str) -> EndpointError:
    detail = f"{where} cannot be reached, or the connection broke. Check the address and the network."
    return EndpointError(detail, again=True)


def _explain_status(error: openai.APIStatusError, where: str, model: str, secret: str) -> EndpointError:
    status, said, wait_s = error.status_code, _said(error.message, secret), _retry_after(error)
    patient = (wait_s or 0.0) <= LONGEST_WAIT_S
    match status:
        case 401 | 403:
            detail = f"{where} refused the key ({status}). Check the key that is configured for it and what it may use."
            again = False
        case 404:
            detail = (
                f"{where} knows no such model or address (404): {said} Check the URL and the model's name, {model}."
            )
            again = False
        case 429:
            exhausted = error.code == "insufficient_quota"
            problem = "has no quota left for this key" if exhausted else "limits our requests"
            detail = f"{where} {problem} (429). Try again later."
            again = patient and not exhausted
        case _ if status >= 500 or status in (408, 409):
            detail = f"{where} failed ({status}): {said} Try again later."
            again = patient
        case _:
            detail = f"{where} refused the request ({status}): {said}"
            again = False
    return EndpointError(detail, again=again, wait_s=wait_s, status=status)


def _said(message: str, secret: str) -> str:
    """The endpoint's own words, at most 300 characters, without anything like a key, ending as a sentence."""
    if secret:
        message = message.replace(secret, "[key]")
    message = " ".join(_KEYLIKE.sub("[key]", _CLIENT_PREFIX.sub("", message)).split())[:300]
    return message if message.endswith((".", "!", "?")) else message + "."


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds from Retry-After, which carries seconds or a date; None when absent or senseless."""
    value = error.response.headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
