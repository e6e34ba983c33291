"""A condition that cannot be evaluated is seen where its trigger is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import nats
import pytest

from trigger_contracts import codec, streams
from trigger_contracts.condition_failures import one_failure

pytestmark = pytest.mark.integration

TEXT = "event.data.total > 100"


class Failures:
    """Publishes failures, and waits until the API has read them."""

    def __init__(self, api: Any, *, trigger_id: str, eventually: Any) -> None:
        self.api = api
        self.trigger_id = UUID(trigger_id)
        self._eventually = eventually

    async def publish(
        self, *days: int, version: int = 1, text: str = TEXT, detail: str = "there is no event.data.total"
    ) -> None:
        client = await nats.connect(self.api.nats_url)
        subject = streams.condition(self.trigger_id)
        for day in days:
            at = datetime(2026, 1, day, tzinfo=UTC)
            failed = one_failure(
                self.trigger_id, trigger_version=version, expression=text, at=at, detail=detail
            )
            await client.jetstream().publish(subject, codec.encode(failed))
        await client.close()

    async def shown(self) -> Any:
        return (await self.api.call("GET", f"/api/triggers/{self.trigger_id}", status=200)).json["condition"]

    async def becomes(self, expected: Any) -> None:
        async def is_shown() -> bool:
            return bool(await self.shown() == expected)

        await self._eventually(is_shown)


def state(failures: int, *, day: int, version: int = 1, detail: str = "there is no event.data.total") -> Any:
    return {
        "failures": failures,
        "lastFailedAt": f"2026-01-0{day}T00:00:00Z",
        "detail": detail,
        "triggerVersion": version,
    }


@pytest.fixture
async def failures(api: Any, workflow_id: str, eventually: Any) -> Failures:
    body = {
        "workflowId": workflow_id,
        "name": "Big order",
        "triggerType": "event",
        "config": {"eventType": "order.created", "expression": TEXT},
    }
    created = await api.call("POST", "/api/triggers", body, status=201)
    assert created.json["condition"] is None
    return Failures(api, trigger_id=created.json["id"], eventually=eventually)


async def test_failures_of_several_processes_add_up_in_one_and_in_the_list(failures: Failures) -> None:
    await failures.publish(1)
    await failures.becomes(state(1, day=1))
    await failures.publish(3)
    await failures.becomes(state(2, day=3))
    await failures.publish(2)
    await failures.becomes(state(3, day=3))
    listed = (await failures.api.call("GET", "/api/triggers?type=event", status=200)).json["items"]
    assert [item["condition"] for item in listed] == [state(3, day=3)]


async def test_another_expression_clears_it_and_another_name_does_not(failures: Failures) -> None:
    path = f"/api/triggers/{failures.trigger_id}"
    await failures.publish(1)
    await failures.becomes(state(1, day=1))
    renamed = (await failures.api.call("PATCH", path, {"name": "Other"}, status=200)).json
    assert renamed["condition"] == state(1, day=1)
    await failures.publish(2, version=2)
    await failures.becomes(state(2, day=2, version=2))
    other = "has(event.data.total)"
    changed = (await failures.api.call("PATCH", path, {"config": {"expression": other}}, status=200)).json
    assert changed["condition"] is None
    assert await failures.shown() is None
    await failures.publish(4, version=3, text=other, detail="no")
    await failures.becomes(state(1, day=4, version=3, detail="no"))
    # A replica that has not heard of the change yet.
    await failures.publish(5, version=2)
    await failures.publish(6, version=3, text=other, detail="no")
    await failures.becomes(state(2, day=6, version=3, detail="no"))
    removed = (await failures.api.call("PATCH", path, {"config": {"expression": None}}, status=200)).json
    assert removed["condition"] is None


async def test_a_message_that_cannot_be_read_is_passed_over(failures: Failures) -> None:
    client = await nats.connect(failures.api.nats_url)
    await client.jetstream().publish(streams.condition(failures.trigger_id), b"no message")
    await client.close()
    await failures.publish(1)
    await failures.becomes(state(1, day=1))


async def test_what_failed_is_not_shown_of_an_earlier_day(failures: Failures) -> None:
    await failures.publish(1)
    await failures.becomes(state(1, day=1))
    earlier = await failures.api.call("GET", f"/api/triggers/{failures.trigger_id}?asOf=1", status=200)
    assert earlier.json["condition"] is None
