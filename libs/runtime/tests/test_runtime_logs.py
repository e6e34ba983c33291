"""Log lines: always JSON, always one line, never a reason to fail."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from trigger_runtime import logs
from trigger_runtime.metrics import Metrics


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Configure the logs; the value reads the lines that have been written since."""
    output, errors = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    root, strangers = logging.getLogger(), logging.getLogger("aiohttp.server")
    level = root.level
    logs.configure(service="test-service", level="info")
    (ours,) = root.handlers

    def read() -> list[dict[str, Any]]:
        assert errors.getvalue() == ""
        return [json.loads(line) for line in output.getvalue().splitlines()]

    yield read
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    # pytest's own handlers come and go with the phases of a test: those of now are left to it.
    root.removeHandler(ours)
    root.setLevel(level)
    strangers.setLevel(logging.NOTSET)


class Odd:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def test_warnings_and_worse_are_counted_by_what_they_say(lines: Any) -> None:
    def counted() -> dict[tuple[str, str], float]:
        samples = [one for family in Metrics().registry.collect() for one in family.samples]
        return {
            (one.labels["level"], one.labels["event"]): one.value
            for one in samples
            if one.name == "log_lines_total"
        }

    before = counted()
    log = structlog.stdlib.get_logger("a.module")
    log.info("fine")
    log.warning("odd", reason="x")
    for number in range(2):
        try:
            raise ValueError(number)
        except ValueError:
            log.exception("failed")
    logging.getLogger("somebody").error("with a secret: %s", "hunter2")
    logging.getLogger("somebody").info("fine")
    assert len(lines()) == 6
    after = counted()
    grown = {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key)}
    assert grown == {("warning", "odd"): 1, ("error", "failed"): 2, ("error", "(a library's)"): 1}


def test_a_line_is_json_with_its_context(lines: Any) -> None:
    log = structlog.stdlib.get_logger("a.module")
    structlog.contextvars.bind_contextvars(request_id="r1", execution_id="e1")
    log.info("it happened", count=3)
    log.debug("too quiet")
    structlog.contextvars.clear_contextvars()
    log.warning("later")
    first, second = lines()
    assert first.pop("at").endswith("Z")
    assert first == {
        "event": "it happened",
        "count": 3,
        "level": "info",
        "logger": "a.module",
        "service": "test-service",
        "request_id": "r1",
        "execution_id": "e1",
    }
    assert "request_id" not in second


def test_the_standard_librarys_loggers_are_included(lines: Any) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    logging.getLogger("some.library").warning("it %s", "happened")
    logging.getLogger("some.library").info("line\nbreak")
    first, second = lines()
    assert (first["event"], first["level"], first["logger"]) == ("it happened", "warning", "some.library")
    assert (first["service"], first["request_id"]) == ("test-service", "r1")
    assert second["event"] == "line\nbreak"


@pytest.mark.parametrize("library", ["structlog", "standard"])
def test_exceptions_are_structured_and_show_no_variables(lines: Any, library: str) -> None:
    def fail() -> None:
        password = "hunter2"
        raise KeyError(len(password))

    log = structlog.stdlib.get_logger("x") if library == "structlog" else logging.getLogger("x")
    try:
        try:
            fail()
        except KeyError as error:
            raise RuntimeError("wrapped") from error
    except RuntimeError:
        log.exception("failed")
    (line,) = lines()
    assert [part["exc_type"] for part in line["exception"]] == ["RuntimeError", "KeyError"]
    assert line["exception"][1]["frames"][-1]["name"] == "fail"
    assert "hunter2" not in json.dumps(line)
    assert "exc_info" not in line


def test_an_exception_that_is_passed(lines: Any) -> None:
    structlog.stdlib.get_logger("x").error("failed", exc_info=ValueError("never raised"))
    structlog.stdlib.get_logger("x").error("failed", exc_info=None)
    first, second = lines()
    assert first["exception"][0]["exc_value"] == "never raised"
    assert "exception" not in second


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\x00",
        "\ud800",
        Odd(),
        object(),
        {1: {2: {3}}},
        {("a", "b"): 1},
        float("nan"),
        10**400,
        ValueError("x"),
        int,
        "two\nlines",
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_value_makes_a_line_fail(lines: Any, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    # Without pytest's own, which write the value too.
    monkeypatch.setattr(
        root, "handlers", [one for one in root.handlers if type(one) is logging.StreamHandler]
    )
    structlog.stdlib.get_logger("x").info("odd", value=value, beside="kept")
    (line,) = lines()
    assert (line["event"], line["beside"]) == ("odd", "kept")
    assert "value" in line


def test_a_value_that_contains_itself(lines: Any) -> None:
    endless: list[Any] = []
    endless.append(endless)
    structlog.stdlib.get_logger("x").info("odd", value=endless)
    (line,) = lines()
    assert line["event"] == "odd"


def test_aiohttps_complaints_about_strangers_are_not_logged(lines: Any) -> None:
    logging.getLogger("aiohttp.server").error("a header: secret")
    assert lines() == []
