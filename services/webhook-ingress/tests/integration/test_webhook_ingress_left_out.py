"""Filters and expressions at the real door, on the real bus."""

import json
from typing import Any

import pytest

from trigger_contracts import streams
from trigger_contracts.condition_failures import FAILURES, expression_digest
from trigger_contracts.config import AuthType, WebhookConfig

pytestmark = pytest.mark.integration


async def test_only_what_is_asked_for_is_stored_and_the_rest_is_on_record(ingress: Any) -> None:
    config = WebhookConfig(
        auth_type=AuthType.NONE,
        filters={"body.ref": "main"},
        expression="payload.body.commits.size() > 0",
    )
    trigger_id = await ingress.serving(config)
    taken = await ingress.send(trigger_id, data=b'{"ref": "main", "commits": [1]}')
    assert taken.status == 202
    answers = [
        await ingress.send(trigger_id, data=body)
        for body in (b'{"ref": "dev", "commits": [1]}', b'{"ref": "main", "commits": []}', b'{"ref": "main"}')
    ]
    assert [(answer.status, answer.json) for answer in answers] == [
        (200, {"success": True, "filtered": True})
    ] * 3
    records = [await ingress.rejected(request_id=answer.request_id) for answer in answers]
    assert [record.reason for record in records] == ["filtered", "filtered", "condition_failed"]
    assert records[2].detail == "The expression cannot be evaluated: there is no payload.body.commits."
    assert {record.execution_id for record in records} == {None}
    assert [str(delivery.execution_id) for delivery in await ingress.accepted()] == [
        taken.json["executionId"]
    ]
    async with ingress.session.get(f"{ingress.url}/metrics") as reply:
        metrics = await reply.text()
    assert 'webhook_deliveries_total{outcome="filtered"} 2.0' in metrics
    assert "webhook_conditions_failed_total 1.0" in metrics
    js = (await ingress.bus()).jetstream()

    async def published() -> bool:
        return bool((await js.stream_info(streams.CONDITIONS.name)).state.messages)

    await ingress.eventually(published)
    stored = await js.get_last_msg(streams.CONDITIONS.name, streams.condition(trigger_id))
    failed = FAILURES.decode(stored.data or b"")
    assert (failed.trigger_id, failed.failures) == (trigger_id, 1)
    assert failed.expression_sha256 == expression_digest(config.expression or "")
    assert failed.detail == "there is no payload.body.commits"


@pytest.mark.parametrize("size", [100_000, 700_000])
async def test_a_long_body_is_asked_too(ingress: Any, size: int) -> None:
    trigger_id = await ingress.serving(WebhookConfig(filters={"body.ref": "main"}))
    for ref, status in (("main", 202), ("dev", 200), ("main", 202)):
        body = json.dumps({"ref": ref, "padding": "x" * size}).encode()
        assert (await ingress.send(trigger_id, data=body)).status == status
