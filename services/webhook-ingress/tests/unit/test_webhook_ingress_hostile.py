"""Whatever a stranger sends to any preset: refused, and never an error."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_contracts.config import WebhookConfig
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.admission import HandshakeReplied, Rejected, decide_admission
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.request import Headers, WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAMPS = [str(int(NOW.timestamp())), f"{int(NOW.timestamp())}000", "2026-11-23T12:00:00Z"]
SECRETS = {
    **dict.fromkeys(WebhookProvider, "ab" * 16),
    WebhookProvider.ADYEN: "ab" * 32,
    WebhookProvider.DISCORD: "ab" * 32,
    WebhookProvider.SENDGRID: base64.b64encode(b"k" * 91).decode(),
    WebhookProvider.STANDARD_WEBHOOKS: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    WebhookProvider.STRIPE: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    WebhookProvider.SVIX: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
HEADERS = [
    "box-delivery-timestamp",
    "box-signature-algorithm",
    "box-signature-primary",
    "box-signature-secondary",
    "box-signature-version",
    "content-type",
    "hmacsignature",
    "idempotency-key",
    "linear-signature",
    "paddle-signature",
    "protocol",
    "stripe-signature",
    "svix-id",
    "svix-signature",
    "svix-timestamp",
    "twitch-eventsub-message-id",
    "twitch-eventsub-message-signature",
    "twitch-eventsub-message-timestamp",
    "twitch-eventsub-message-type",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-event-key",
    "x-gitea-signature",
    "x-github-event",
    "x-gitlab-token",
    "x-gogs-signature",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-hubspot-request-timestamp",
    "x-hubspot-signature",
    "x-hubspot-signature-v3",
    "x-hubspot-signature-version",
    "x-line-signature",
    "x-razorpay-signature",
    "x-shopify-hmac-sha256",
    "x-signature-ed25519",
    "x-signature-timestamp",
    "x-slack-request-timestamp",
    "x-slack-signature",
    "x-square-hmacsha256-signature",
    "x-telegram-bot-api-secret-token",
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
    "x-twilio-signature",
    "x-zm-request-timestamp",
    "x-zm-signature",
]
# As they come from the server: any bytes but the ones that end a line, undecodable ones as surrogates.
WIRE = st.binary(max_size=80).map(lambda data: data.decode("utf-8", "surrogateescape"))
PLAUSIBLE = st.sampled_from(
    [
        *STAMPS,
        "1",
        "v1",
        "v2",
        "HmacSHA256",
        "0" * 64,
        f"sha256={'0' * 64}",
        f"v0={'0' * 64}",
        "A" * 43 + "=",
        "A" * 27 + "=",
        "0" * 128,
        f"v1,{'A' * 43}=",
        f"v1a,{'A' * 86}==",
        f"t={STAMPS[0]},v1={'0' * 64}",
        f"ts={STAMPS[0]};h1={'0' * 64}",
        "A" * 96,
        "application/x-www-form-urlencoded",
        "webhook_callback_verification",
        "diagnostics:ping",
        "ping",
        "",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b'{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"x"}}}]}',
            b'{"notificationItems":[{"NotificationRequestItem":null}]}',
            b'{"notificationItems":{}}',
            b'{"value":[{"clientState":"\\ud800"}]}',
            b'{"value":[{"clientState":""}]}',
            b'{"value":[null]}',
            b'{"webhookTimestamp":1e400}',
            b'{"webhookTimestamp":%d}' % 10**30,
            b'{"type":"url_verification","challenge":"x"}',
            b'{"event":"endpoint.url_validation","payload":{"plainToken":"x"}}',
            b'{"type":1}',
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"a=%ff&b=%00&c",
            b"payload=%7B%7D",
            b"payload=%ff%zz+",
            b"ssl_check=1",
            b'{"test":true}',
            b'{"destination":"U0","events":[]}',
            b'{"type":"v2.core.event_destination.ping"}',
            b"\x00\xff\xfe",
            b"NaN",
        ]
    ),
)


@pytest.mark.parametrize("provider", list(WebhookProvider))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), st.one_of(PLAUSIBLE, WIRE)), max_size=20),
    body=BODIES,
    target=st.one_of(WIRE, st.just("/api/webhooks/x?bodySHA256=0")),
    query=st.lists(st.tuples(st.sampled_from(["bodySHA256", "hub.mode", "a"]), WIRE), max_size=4),
    method=st.sampled_from(["POST", "GET", "PUT", "HEAD"]),
)
def test_a_stranger_is_refused(
    provider: WebhookProvider, headers: Any, body: bytes, target: str, query: Any, method: str
) -> None:
    secret = OpenedSecret(id=uuid4(), value=SECRETS[provider].encode(), valid_until=None)
    trigger = WebhookTrigger(
        id=uuid4(),
        workspace="acme",
        workflow_id=uuid4(),
        name="n",
        version=1,
        enabled=True,
        config=WebhookConfig(provider=provider),
        secrets=(secret,),
    )
    request = WebhookRequest(
        request_id="r",
        trigger_id=trigger.id,
        method=method,
        path="/api/webhooks/x",
        target=target,
        query=tuple(query),
        headers=Headers(tuple(headers)),
    )
    verdict = decide_admission(
        trigger, request=request, body=body, now=NOW, public_url="https://hooks.example"
    )
    if isinstance(verdict, HandshakeReplied):
        # These two test an address without a signature: they get nothing, and nothing starts.
        assert provider in {WebhookProvider.BITBUCKET, WebhookProvider.SLACK}
        assert (verdict.reply, verdict.secret_id) == (Reply(), None)
        return
    assert isinstance(verdict, Rejected)
    assert verdict.status == 401
