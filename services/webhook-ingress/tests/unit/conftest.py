"""Builders for the pure parts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from trigger_contracts.config import AuthType, WebhookConfig
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_secret() -> Callable[..., OpenedSecret]:
    def make(value: bytes = b"s3cret", *, valid_until: datetime | None = None) -> OpenedSecret:
        return OpenedSecret(id=uuid4(), value=value, valid_until=valid_until)

    return make


@pytest.fixture
def make_trigger() -> Callable[..., WebhookTrigger]:
    def make(
        *,
        auth_type: AuthType = AuthType.NONE,
        secrets: tuple[OpenedSecret, ...] = (),
        unopened: tuple[UUID, ...] = (),
        enabled: bool = True,
        **config: Any,
    ) -> WebhookTrigger:
        return WebhookTrigger(
            id=uuid4(),
            workspace="acme",
            workflow_id=uuid4(),
            name="a webhook",
            version=3,
            enabled=enabled,
            config=WebhookConfig(auth_type=auth_type, **config),
            secrets=secrets,
            unopened=unopened,
        )

    return make


@pytest.fixture
def make_request() -> Callable[..., WebhookRequest]:
    def make(
        *headers: tuple[str, str],
        method: str = "POST",
        query: tuple[tuple[str, str], ...] = (),
        trigger_id: UUID | None = None,
    ) -> WebhookRequest:
        return WebhookRequest(
            request_id="r-1",
            trigger_id=trigger_id,
            method=method,
            path="/api/webhooks/x",
            query=query,
            headers=tuple((name.lower(), value) for name, value in headers),
        )

    return make
