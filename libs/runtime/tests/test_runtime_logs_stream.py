"""How the lines get out: whole ones from every thread, and a broken stream is nobody's failure."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from trigger_runtime import logs


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    root, strangers = logging.getLogger(), logging.getLogger("aiohttp.server")
    level = root.level
    logs.configure(service="test-service", level="warning")
    (ours,) = root.handlers
    yield stdout
    structlog.reset_defaults()
    root.removeHandler(ours)
    root.setLevel(level)
    strangers.setLevel(logging.NOTSET)


def test_a_line_takes_no_way_around(output: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of the standard library for each line made a third of what a request cost."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a LogRecord was made")

    monkeypatch.setattr(logging.Logger, "makeRecord", refuse)
    structlog.stdlib.get_logger("a").warning("%s of %s", 1, 2)
    assert json.loads(output.getvalue())["event"] == "1 of 2"


def test_the_level_is_kept_and_named(output: io.StringIO) -> None:
    log = structlog.stdlib.get_logger("a")
    for method in ("debug", "info", "warning", "error", "exception", "critical"):
        getattr(log, method)(method)
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("warning", "warning"),
        ("error", "error"),
        ("exception", "error"),
        ("critical", "critical"),
    ]


def test_threads_write_whole_lines(output: io.StringIO) -> None:
    def write(number: int) -> None:
        for _ in range(200):
            structlog.stdlib.get_logger("ours").warning("x" * 500, thread=number)
            logging.getLogger("theirs").warning("y" * 500)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert len(lines) == 4 * 200 * 2


def test_a_broken_stream_is_told_on_stderr_and_raises_nothing(
    output: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    output.close()
    structlog.stdlib.get_logger("a").warning("nobody reads this")
    told = capsys.readouterr().err
    assert "I/O operation on closed file" in told
    assert "nobody reads this" in told
