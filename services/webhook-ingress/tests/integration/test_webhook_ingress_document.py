"""The document is served, and says what comes back."""

from typing import Any

import msgspec
import pytest

from webhook_ingress.entrypoints.api_document import api_document

pytestmark = pytest.mark.integration


async def test_the_document_is_served(ingress: Any) -> None:
    async with ingress.session.get(f"{ingress.url}/openapi.json") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
        assert await response.json() == msgspec.json.decode(msgspec.json.encode(api_document()))


async def test_a_response_is_what_the_document_says(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    document = api_document()
    responses = document["paths"]["/api/webhooks/{triggerId}"]["post"]["responses"]
    schemas = document["components"]["schemas"]
    accepted = await ingress.send(trigger_id)
    assert str(accepted.status) in responses
    assert set(accepted.json) == set(schemas["WebhookStarted"]["properties"])
    assert all(name in accepted.headers for name in responses["202"]["headers"])
    refused = await ingress.send(trigger_id, headers={"Idempotency-Key": ""})
    assert str(refused.status) in responses
    assert set(refused.json) <= set(schemas["WebhookProblem"]["properties"])
    assert refused.json["rejectionReason"] in schemas["RejectionReason"]["enum"]
