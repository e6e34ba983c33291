"""Builders for the pure parts, and the use case with nothing but lists around it."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from trigger_contracts.config import AuthType, HttpMethod, WebhookConfig
from trigger_contracts.deliveries import AcceptedDelivery, RejectedDelivery
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.accepted_keys import AcceptedKeys
from webhook_ingress.domain.clock_and_ids import ClockAndIds
from webhook_ingress.domain.rate_limit import Quota, RateLimits
from webhook_ingress.domain.request import Body, Headers, WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger
from webhook_ingress.entrypoints.response_renderer import ResponseRenderer
from webhook_ingress.ports import HttpResponse
from webhook_ingress.usecases.delivery_storage import DeliveryStorage
from webhook_ingress.usecases.receive_delivery import ReceiveDelivery
from webhook_ingress.usecases.refusals import Refusals
from webhook_ingress.usecases.request_records import RequestRecords

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_secret() -> Callable[..., OpenedSecret]:
    def make(value: bytes = b"s3cret-s3cret-s3cret", *, valid_until: datetime | None = None) -> OpenedSecret:
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
        target: str = "/api/webhooks/x",
        query: tuple[tuple[str, str], ...] = (),
        trigger_id: UUID | None = None,
        client_address: str | None = None,
    ) -> WebhookRequest:
        return WebhookRequest(
            request_id="r-1",
            trigger_id=trigger_id,
            method=method,
            path="/api/webhooks/x",
            target=target,
            query=query,
            headers=Headers(tuple((name.lower(), value) for name, value in headers)),
            client_address=client_address,
        )

    return make


class FailureList:
    """Keeps the failures of conditions."""

    def __init__(self, failed: list[tuple[int, str]]) -> None:
        self._failed = failed

    def note(self, trigger: WebhookTrigger, *, at: datetime, detail: str) -> None:
        self._failed.append((trigger.version, detail))


class Door:
    """The use case for one trigger; everything that it wrote is in lists."""

    def __init__(self, trigger: WebhookTrigger, *, now: datetime, public_url: str | None = None) -> None:
        self.trigger = trigger
        self.sent: list[WebhookRequest] = []
        self.now = now
        self.seconds = 1000.0
        self.problem: Exception | None = None
        self.accepted: list[AcceptedDelivery] = []
        self.rejected: list[RejectedDelivery] = []
        self.uses: list[UUID] = []
        self.outcomes: list[str] = []
        self.unrecorded = 0
        clock = ClockAndIds(now=lambda: self.now, monotonic=lambda: self.seconds, random_bytes=bytes)
        self.failed: list[tuple[int, str]] = []
        self.in_threads = 0
        responses, accepted_keys = ResponseRenderer(), AcceptedKeys()
        records = RequestRecords(
            self,
            clock=clock,
            unknown=Quota(60),
            count_outcome=self.outcomes.append,
            longest_body=10_000,
        )
        refusals = Refusals(
            records, responses=responses, count_outcome=self.outcomes.append, public_url=public_url
        )
        storage = DeliveryStorage(
            self,
            records=records,
            responses=responses,
            refusals=refusals,
            failures=FailureList(self.failed),
            in_thread=self.in_thread,
            longest_inline=512 * 1024,
            accepted_keys=accepted_keys,
            clock=clock,
            count_outcome=self.outcomes.append,
        )
        self._receive = ReceiveDelivery(
            self,
            storage=storage,
            refusals=refusals,
            records=records,
            responses=responses,
            secret_uses=self,
            rates=RateLimits(),
            accepted_keys=accepted_keys,
            clock=clock,
            public_url=public_url,
        )

    def in_thread(self, work: Callable[[], Any], owner: str) -> "asyncio.Future[Any]":
        assert owner == self.trigger.workspace
        self.in_threads += 1
        return asyncio.ensure_future(asyncio.to_thread(work))

    def find(self, trigger_id: UUID) -> WebhookTrigger | None:
        return self.trigger if trigger_id == self.trigger.id else None

    def publish(self, delivery: AcceptedDelivery) -> "asyncio.Future[None]":
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.problem is None:
            self.accepted.append(delivery)
            stored.set_result(None)
        else:
            stored.set_exception(self.problem)
        return stored

    def record(self, delivery: RejectedDelivery) -> None:
        self.rejected.append(delivery)

    def count(self) -> None:
        self.unrecorded += 1

    def note(self, trigger_id: UUID, *, secret_id: UUID, at: datetime) -> None:
        assert (trigger_id, at) == (self.trigger.id, self.now)
        self.uses.append(secret_id)

    def send(self, request: WebhookRequest, *, body: Body = b"{}") -> HttpResponse:
        self.sent.append(request)

        async def receive() -> HttpResponse:
            response = self._receive.receive(self._receive.received(request), body=body)
            return response if isinstance(response, HttpResponse) else await response

        return asyncio.run(receive())


@pytest.fixture
def make_door(now: datetime) -> Callable[..., Door]:
    def make(trigger: WebhookTrigger, *, public_url: str | None = None) -> Door:
        return Door(trigger, now=now, public_url=public_url)

    return make


def _published(provider: WebhookProvider) -> dict[str, Any] | None:
    cases = msgspec.json.decode(Path(__file__).with_name("provider_signatures.json").read_bytes())
    return next((case for case in cases if case["provider"] == provider), None)


def _by_the_rule(provider: WebhookProvider) -> dict[str, Any]:
    """Sign for the providers of which no signature is published."""
    secret, body, stamp = "ab" * 16, '{"a":1}', "2023-11-14T22:13:20Z"
    covered = f"id-1{stamp}{body}" if provider is WebhookProvider.TWITCH else body
    made = f"sha256={hmac.new(secret.encode(), covered.encode(), hashlib.sha256).hexdigest()}"
    if provider is WebhookProvider.TWITCH:
        name = "Twitch-Eventsub-Message"
        headers = [[f"{name}-Signature", made], [f"{name}-Id", "id-1"], [f"{name}-Timestamp", stamp]]
    else:
        headers = [["X-Hub-Signature-256", made]]
    return {"secret": secret, "headers": headers, "body": body}


@pytest.fixture
def signed_door(
    make_trigger: Callable[..., WebhookTrigger],
    make_secret: Callable[..., OpenedSecret],
    make_request: Callable[..., WebhookRequest],
) -> Callable[..., tuple[Door, HttpResponse]]:
    """``signed_door(provider, **config)``: what a provider signed was sent; also with another ``secret``."""

    def send(
        provider: WebhookProvider, *, secret: bytes | None = None, **config: Any
    ) -> tuple[Door, HttpResponse]:
        case = _published(provider) or _by_the_rule(provider)
        opened = (make_secret(secret or case["secret"].encode()),)
        trigger = make_trigger(
            provider=provider, secrets=opened, method=HttpMethod(case.get("method", "POST")), **config
        )
        # Some published secrets are none by the form that the provider now gives them.
        trigger.usable = opened
        start, _, rest = case.get("url", "https://hooks.example/api/webhooks/x").partition("//")
        host, _, path = rest.partition("/")
        now = datetime.fromtimestamp(case.get("at", 1700000000), UTC)
        door = Door(trigger, now=now, public_url=f"{start}//{host}")
        headers = [(name, value) for name, value in case["headers"]]
        request = make_request(
            *headers, trigger_id=trigger.id, target=f"/{path}", method=trigger.config.method.value
        )
        return door, door.send(request, body=case.get("body", '{"id":"evt_1"}').encode())

    return send


@pytest.fixture
def sign() -> Callable[..., str]:
    def signed(secret: bytes, content: bytes, *, algorithm: str = "sha256") -> str:
        return hmac.new(secret, content, getattr(hashlib, algorithm)).hexdigest()

    return signed
