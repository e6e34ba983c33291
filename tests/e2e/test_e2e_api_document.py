"""The gateway's document against what the services that run really serve."""

from typing import Any

import pytest

from embedded_stack.api_document import merge, service_documents

pytestmark = pytest.mark.e2e


async def test_the_gateway_shows_what_the_services_serve(client: Any) -> None:
    served = {}
    for service in service_documents():
        url = f"{client.stack['services'][service]['url']}/openapi.json"
        async with client.session.get(url) as response:
            assert response.status == 200, service
            served[service] = await response.json()
    async with client.session.get("/openapi.json") as response:
        assert await response.json() == merge(served)
    async with client.session.get("/docs") as response:
        assert response.status == 200
        assert "swagger-ui" in await response.text()
