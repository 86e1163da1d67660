"""Logs without a person's words, metrics with help, spans that never raise of themselves."""

import json
import logging
from collections.abc import Iterator

import pytest

from undertone.observability import REGISTRY, configure_logging, get_logger, render_metrics, span


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    configure_logging(json=False, level="WARNING")
    root.handlers, root.level = handlers, level


def test_words_are_left_out_at_any_depth_and_logs_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True)
    get_logger("engine").info(
        "turn.done", turn=7, text="my secret", request={"model": "m", "messages": [{"content": "my secret"}]}
    )
    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert "secret" not in err
    assert (line["event"], line["room"], line["turn"]) == ("turn.done", "engine", 7)
    assert line["request"] == {"model": "m", "messages": "(left out)"}


def test_a_logger_made_before_is_configured_too(capsys: pytest.CaptureFixture[str]) -> None:
    log = get_logger("early")
    configure_logging(json=True, level="ERROR")
    log.warning("quiet")
    log.error("loud")
    assert json.loads(capsys.readouterr().err)["event"] == "loud"


def test_lines_of_libraries_come_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True)
    logging.getLogger("psycopg.pool").warning("connection lost")
    logging.getLogger("psycopg.pool").info("chatter")
    assert json.loads(capsys.readouterr().err)["event"] == "connection lost"


def test_every_metric_has_a_sentence() -> None:
    families = list(REGISTRY.collect())
    assert families
    for family in families:
        assert family.name.startswith("undertone_")
        assert family.documentation.endswith("."), family.name
    assert b"# HELP undertone_turns_total" in render_metrics()


def test_a_span_passes_errors_on() -> None:
    with span("recall", people=1):
        pass
    with pytest.raises(ZeroDivisionError), span("recall"):
        _ = 1 / 0
