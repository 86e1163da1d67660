"""Logs, metrics and spans: the only file that knows structlog, prometheus_client and OpenTelemetry.

    log = get_logger(__name__)
    log.info("turn.done", turn=turn_id, ms=41)          # an event name and plain values
    TURNS.labels(outcome="done").inc()
    with span("recall", people=1): ...

Logs go to stderr. What a person wrote never does: keys that could carry it are dropped (`REDACTED_KEYS`). Spans go
wherever the process configured OpenTelemetry, nowhere by default. Knows no room.
"""

import logging
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.typing import FilteringBoundLogger

REDACTED_KEYS = frozenset(
    {"text", "texts", "message", "messages", "content", "prompt", "reply", "body", "query", "words"}
)
"""Keys whose value is dropped from every log line, at any depth."""

REDACTED = "(left out)"

REGISTRY = CollectorRegistry()
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


def counter(name: str, sentence: str, *labels: str) -> Counter:
    """Declare a counter, `undertone_<name>_total`."""
    return Counter(f"undertone_{name}", sentence, labels, registry=REGISTRY)


def gauge(name: str, sentence: str, *labels: str) -> Gauge:
    """Declare a gauge, `undertone_<name>`."""
    return Gauge(f"undertone_{name}", sentence, labels, registry=REGISTRY)


def histogram(name: str, sentence: str, *labels: str, buckets: tuple[float, ...] = _FAST) -> Histogram:
    """Declare a histogram of seconds, `undertone_<name>`."""
    return Histogram(f"undertone_{name}", sentence, labels, registry=REGISTRY, buckets=buckets)


# Every metric of the engine. A label has few values: never a person, a key or a text.
REQUESTS = counter("http_requests", "HTTP requests answered, by route and status.", "route", "status")
REQUEST_SECONDS = histogram("http_request_seconds", "Time to answer a request's headers, by route.", "route")
OPEN_STREAMS = gauge("open_streams", "Streams open to readers right now.")
TURNS = counter("turns", "Turns ended, by outcome: done, interrupted, failed or refused.", "outcome")
TURN_ADDED_SECONDS = histogram("turn_added_seconds", "Time the engine itself adds to a turn before the model is asked.")
FIRST_PIECE_SECONDS = histogram(
    "model_first_piece_seconds", "Time from asking the model to its first piece, by model.", "model", buckets=_SLOW
)
MODEL_CALLS = counter(
    "model_calls",
    "Calls to a model, by model and outcome: ok or failed (a failed one may be retried).",
    "model",
    "outcome",
)
TOKENS = counter("tokens", "Tokens billed, by model and kind: prompt, cached or completion.", "model", "kind")
VERDICTS = counter("verdicts", "Input rails that fired, by rail.", "rail")
WEBHOOKS = counter(
    "webhooks", "Tries to tell the platform's address, by outcome: delivered, failed, given_up.", "outcome"
)
RECALL_SECONDS = histogram("recall_seconds", "Time to recall memories for one message.")
BEACONS = counter("beacons", "Beacons of visitors, by outcome: taken, refused, or dropped for want of room.", "outcome")
JOBS = counter("jobs", "Jobs run, by job and outcome: done or failed (a failed one may be retried).", "job", "outcome")
JOBS_QUEUED = gauge("jobs_queued", "Jobs in the queue, by state: todo, doing or failed.", "state")
JOBS_STUCK = gauge("jobs_stuck", "Jobs that have waited or run for more than ten minutes, by job.", "job")
JOB_SECONDS = histogram("job_seconds", "Time one run of a job took, by job.", "job", buckets=_SLOW)


def render_metrics() -> bytes:
    """All metrics in Prometheus' text format, for GET /metrics."""
    return generate_latest(REGISTRY)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger that carries `name` as `room`; safe to make at import, before `configure_logging`."""
    return structlog.get_logger(room=name)


def configure_logging(json: bool, level: str = "INFO") -> None:
    """Send our log lines and those of the libraries to stderr, as JSON or for people. `level` as in `logging`."""
    number = logging.getLevelNamesMapping()[level.upper()]
    # A trace without the values of variables: they hold what people wrote.
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    if json:
        traces = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        shared.append(structlog.processors.ExceptionRenderer(traces))
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_stderr_logger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.WARNING))


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that leaves out what a person or a model may have written."""
    return {key: REDACTED if key in REDACTED_KEYS else _without_words(value) for key, value in line.items()}


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: REDACTED if k in REDACTED_KEYS else _without_words(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_words(item) for item in value]
    return value


@contextmanager
def span(name: str, **attributes: str | bool | int | float) -> Generator[None]:
    """Time a stretch of work under `name`. An error is noted by its class only: its words could be a person's."""
    tracer = trace.get_tracer("undertone")
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _stderr_logger(*_args: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


configure_logging(json=False, level="WARNING")
