"""On a real Temporal server: the compiled calendars fire when croniter says, and once where two match."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from croniter import croniter
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from trigger_cron import Calendar, Range, compile_calendars, parse

pytestmark = pytest.mark.integration

YEAR_2026 = datetime(2026, 1, 1, tzinfo=UTC)
MOST_LISTED = 1000
"""Times in one answer of ListScheduleMatchingTimes."""

# By the length of a window that holds some, and fewer than MOST_LISTED, of their times.
EXPRESSIONS = {
    timedelta(hours=12): ["* * * * *", "*/7 * * * *", "59/15 * * * *", "1-50/3,55 */2 * * *", "*/90 * * * *"],
    timedelta(days=30): [
        "@hourly",
        "*/45 9-17 * * MON-FRI",
        "0 22,23,0-2 * * *",
        "5,6 */5 ? * ?",
        "5-5 * * * *",
    ],
    timedelta(days=366): [
        "@daily",
        "@weekly",
        "0 0 13 * 5",
        "0 0 1-31 * 5",
        "0 0 */2 * 5",
        "0 0 13 * */2",
        "0 0 1,15 * MON",
        "0 0 1,15 * *",
        "0 0 ? * 7",
        "0 0 * * 5-7",
        "0 0 * * 1-7/2",
        "0 0 * * FRI-MON",
        "0 0 * * 6-2",
        "0 0 * * SUN-TUE",
        "0 0 31 * *",
        "0 0 31 2 MON",
        "30 6 10-20/3 JAN-JUN *",
        "15 3 */10 2/3 *",
        "0 12 1-7 * 1-5",
        "0 0 25 DEC *",
        "0 0 1 * 0-6",
        "0 */6 8/7 5,7,11 sat",
    ],
    timedelta(days=40 * 366): ["@yearly", "0 0 29 2 *", "0 0 29 FEB MON", "0 0 */31 2 */2"],
}


@pytest.fixture(scope="module")
def temporal_dev_server_of_trigger_cron() -> Iterator[str]:
    """Yield the address of a Temporal server of this module's own, in memory."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    binary = str(Path(sys.executable).with_name("temporal"))
    command = [
        binary,
        "server",
        "start-dev",
        "--headless",
        "--ip",
        "127.0.0.1",
        "--port",
        port,
        "--log-level",
        "never",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        watchdog = threading.Timer(30, server.kill)
        watchdog.start()
        try:
            # It prints its addresses when it serves; the end of the output means that it could not.
            assert any("Temporal Server:" in line for line in server.stdout), "the server did not start"
            watchdog.cancel()
            yield f"127.0.0.1:{port}"
        finally:
            watchdog.cancel()
            server.terminate()


def as_temporal(ranges: tuple[Range, ...]) -> tuple[ScheduleRange, ...]:
    return tuple(ScheduleRange(r.start, r.end, r.step) for r in ranges)


def spec(expression: str) -> ScheduleSpec:
    def calendar(mine: Calendar) -> ScheduleCalendarSpec:
        return ScheduleCalendarSpec(
            second=as_temporal(mine.second),
            minute=as_temporal(mine.minute),
            hour=as_temporal(mine.hour),
            day_of_month=as_temporal(mine.day_of_month),
            month=as_temporal(mine.month),
            day_of_week=as_temporal(mine.day_of_week),
        )

    return ScheduleSpec(calendars=[calendar(mine) for mine in compile_calendars(parse(expression))])


def paused(expression: str, *, schedule_id: str) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow("nobody", id=schedule_id, task_queue="nobody"),
        spec=spec(expression),
        state=ScheduleState(paused=True),
    )


async def listed(client: Client, *, schedule_id: str, until: datetime) -> list[datetime]:
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(YEAR_2026)
    end.FromDatetime(until)
    answer = await client.workflow_service.list_schedule_matching_times(
        ListScheduleMatchingTimesRequest(
            namespace=client.namespace, schedule_id=schedule_id, start_time=start, end_time=end
        )
    )
    return [time.ToDatetime(tzinfo=UTC) for time in answer.start_time]


def classical_times(expression: str, *, until: datetime) -> list[datetime]:
    # croniter reads a-a as the whole field and SUN-… through its own table; both are written out for it.
    written = expression.replace("5-5", "5").replace("SUN-TUE", "0-2")
    found = croniter(written, YEAR_2026, ret_type=datetime, implement_cron_bug=True)
    return list(takewhile(lambda time: time <= until, found))


async def test_temporal_fires_when_croniter_says(temporal_dev_server_of_trigger_cron: str) -> None:
    client = await Client.connect(temporal_dev_server_of_trigger_cron)

    async def check(expression: str, *, schedule_id: str, until: datetime) -> None:
        await client.create_schedule(schedule_id, paused(expression, schedule_id=schedule_id))
        expected = classical_times(expression, until=until)
        assert 0 < len(expected) < MOST_LISTED, expression
        assert await listed(client, schedule_id=schedule_id, until=until) == expected, expression

    cases = [(expression, window) for window, group in EXPRESSIONS.items() for expression in group]
    await asyncio.gather(
        *(
            check(expression, schedule_id=f"listed-{number}", until=YEAR_2026 + window)
            for number, (expression, window) in enumerate(cases)
        )
    )


async def test_a_minute_of_both_calendars_fires_once(temporal_dev_server_of_trigger_cron: str) -> None:
    client = await Client.connect(temporal_dev_server_of_trigger_cron)
    # 13 February 2026 is a Friday, matched by both calendars; the 6th and the 20th by one.
    schedule = await client.create_schedule("once", paused("0 0 13 * 5", schedule_id="once"))
    until = YEAR_2026 + timedelta(days=59)
    fires = classical_times("0 0 13 * 5", until=until)
    assert len(fires) == len(set(fires)) == 10
    await schedule.backfill(
        ScheduleBackfill(start_at=YEAR_2026, end_at=until, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    )
    info = (await schedule.describe()).info
    async with asyncio.timeout(10):
        while info.num_actions < len(fires):
            info = (await schedule.describe()).info
    assert sorted(action.scheduled_at for action in info.recent_actions) == fires
    assert info.num_actions == len(fires)
