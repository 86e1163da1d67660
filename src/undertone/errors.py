"""Every error Undertone raises on purpose, and the HTTP status each one means.

The tree:

    UndertoneError                    500
    |-- BadInput                      400   the request cannot be understood
    |   `-- Unprocessable             422   understood, and it cannot be done as asked
    |-- Unauthenticated               401   no key, or a wrong one
    |-- Forbidden                     403   the key or the person may not do this
    |   |-- ConsentRequired           403   the person has not agreed to what this needs
    |   `-- AdultRequired             403   no valid age assertion
    |-- NotFound                      404   no such thing, or not yours
    |-- Conflict                      409   it is already happening
    |-- TooLarge                      413   longer than a message may be
    |-- LimitReached                  429   too many, too soon
    |-- ModelFailed                   502   the model could not answer
    `-- NotReady                      503   the database or a model is not there yet

The class docstring's first line is the problem's title; the instance's text is its detail and says what to do.
Knows nothing of HTTP beyond the number: `server/problems.py` turns an error into problem+json.
"""

from typing import Any, ClassVar


class UndertoneError(Exception):
    """Something went wrong in the engine."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        """Members added to the problem document, for example `turn` or `retry_after` (seconds)."""

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "Error").strip().splitlines()[0]


class BadInput(UndertoneError):
    """The request could not be understood."""

    status = 400
    code = "bad_input"


class Unprocessable(BadInput):
    """The request was understood but cannot be carried out."""

    status = 422
    code = "unprocessable"


class Unauthenticated(UndertoneError):
    """A valid key or token is needed."""

    status = 401
    code = "unauthenticated"


class Forbidden(UndertoneError):
    """This key or person may not do that."""

    status = 403
    code = "forbidden"


class ConsentRequired(Forbidden):
    """The person has not agreed to this yet."""

    code = "consent_required"


class AdultRequired(Forbidden):
    """A valid age assertion is needed."""

    code = "adult_required"


class NotFound(UndertoneError):
    """There is no such thing here."""

    status = 404
    code = "not_found"


class Conflict(UndertoneError):
    """That is already happening."""

    status = 409
    code = "conflict"


class TooLarge(UndertoneError):
    """The message is too long."""

    status = 413
    code = "too_large"


class LimitReached(UndertoneError):
    """A limit was reached."""

    status = 429
    code = "limit_reached"


class ModelFailed(UndertoneError):
    """The model could not answer."""

    status = 502
    code = "model_failed"


class NotReady(UndertoneError):
    """The service is not ready."""

    status = 503
    code = "not_ready"
