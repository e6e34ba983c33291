"""Senders that knock before they send: probes and challenges over real HTTP, which start nothing."""

from typing import Any

import pytest

from trigger_contracts.config import AuthType, HttpMethod, WebhookConfig
from trigger_contracts.webhook_config import Challenge, ChallengeReply, Probes
from trigger_contracts.webhook_providers import WebhookProvider

pytestmark = pytest.mark.integration

KEY = "a-key-of-this-test-0"
JSON = {"Content-Type": "application/json"}
BODY = Challenge(body="challenge")
DROPBOX = Challenge(query="challenge", reply=ChallengeReply.TEXT)
ASANA = Challenge(header="X-Hook-Secret", reply=ChallengeReply.HEADER)
EVENT_GRID = Challenge(
    header="WebHook-Request-Origin", reply=ChallengeReply.HEADER, reply_name="WebHook-Allowed-Origin"
)
OKTA = Challenge(header="X-Okta-Verification-Challenge", reply_name="verification")
NESTED = Challenge(body="data.validationCode", reply_name="validationResponse")
SECURED: dict[str, Any] = {"auth_type": AuthType.HMAC}


@pytest.mark.parametrize(
    "config",
    [
        WebhookConfig(probes=Probes.RESPOND),
        WebhookConfig(probes=Probes.RESPOND, auth_type=AuthType.HMAC, allowed_origins=("https://a.example",)),
        WebhookConfig(probes=Probes.RESPOND, provider=WebhookProvider.GITHUB),
        WebhookConfig(probes=Probes.RESPOND, provider=WebhookProvider.META),
        WebhookConfig(probes=Probes.RESPOND, method=HttpMethod.DELETE, auth_type=AuthType.BEARER),
    ],
)
async def test_a_probe_is_answered_where_the_trigger_says_so(ingress: Any, config: WebhookConfig) -> None:
    trigger_id = await ingress.serving(config, secret=KEY)
    for method in ("HEAD", "GET"):
        reply = await ingress.send(trigger_id, method=method)
        assert (reply.status, "X-Execution-Id" in reply.headers) == (200, False)
        record = await ingress.rejected(request_id=reply.request_id)
        assert (record.reason, record.method, record.trigger_id) == ("probe", method, trigger_id)
    assert await ingress.accepted() == []


async def test_what_is_the_triggers_own_method_is_no_probe(ingress: Any) -> None:
    for own, other in ((HttpMethod.GET, "HEAD"), (HttpMethod.HEAD, "GET")):
        trigger_id = await ingress.serving(WebhookConfig(method=own, probes=Probes.RESPOND))
        assert (await ingress.send(trigger_id, method=own.value)).status == 202
        probe = await ingress.send(trigger_id, method=other)
        assert (probe.status, "X-Execution-Id" in probe.headers) == (200, False)
        assert (await ingress.send(trigger_id, method="PUT")).status == 405
    assert len(await ingress.accepted()) == 2


async def test_a_probe_is_refused_by_default_and_where_the_trigger_is_paused(ingress: Any) -> None:
    trigger_id = await ingress.serving()
    assert (await ingress.send(trigger_id, method="HEAD")).status == 405
    config = WebhookConfig(probes=Probes.RESPOND)
    await ingress.put(config, trigger_id=trigger_id, enabled=False)
    await ingress.settled(trigger_id, status=403, method="GET")


@pytest.mark.parametrize("data", [b'{"order": 7}', b"a=1", b"\0"])
async def test_what_brings_a_body_is_no_probe(ingress: Any, data: bytes) -> None:
    trigger_id = await ingress.serving(WebhookConfig(probes=Probes.RESPOND))
    reply = await ingress.send(trigger_id, method="GET", data=data)
    assert reply.status == 405
    assert (await ingress.rejected(request_id=reply.request_id)).reason == "method_not_allowed"


@pytest.mark.parametrize(
    ("challenge", "request_", "body", "header"),
    [
        (BODY, {"data": b'{"challenge": "c1"}', "headers": JSON}, b'{"challenge":"c1"}', None),
        (BODY, {"data": b'{"challenge": "c1"}'}, b'{"challenge":"c1"}', None),
        (BODY, {"data": b'\xef\xbb\xbf{"challenge": "c1"}', "headers": JSON}, b'{"challenge":"c1"}', None),
        (BODY, {"data": b'{"challenge":7,"type":"url_verification","token":"t"}'}, b'{"challenge":7}', None),
        (
            NESTED,
            {"method": "PUT", "data": b'{"type": "Validation", "data": {"validationCode": "c1"}}'},
            b'{"validationResponse":"c1"}',
            None,
        ),
        (DROPBOX, {"method": "GET", "params": {"challenge": "c1", "a": "1"}}, b"c1", None),
        (DROPBOX, {"method": "GET", "params": {"challenge": "<b>&\"'"}}, b"<b>&\"'", None),
        (DROPBOX, {"data": b" {}\n", "params": {"challenge": "c1"}}, b"c1", None),
        (ASANA, {"data": b"{}", "headers": {"X-Hook-Secret": "c1"}}, b"", ("X-Hook-Secret", "c1")),
        (ASANA, {"method": "HEAD", "headers": {"x-hook-secret": "c1"}}, b"", ("X-Hook-Secret", "c1")),
        (
            EVENT_GRID,
            {
                "method": "OPTIONS",
                "headers": {"WebHook-Request-Origin": "eventgrid.example", "WebHook-Request-Rate": "9"},
            },
            b"",
            ("WebHook-Allowed-Origin", "eventgrid.example"),
        ),
        (
            OKTA,
            {"method": "GET", "headers": {"X-Okta-Verification-Challenge": "c1"}},
            b'{"verification":"c1"}',
            None,
        ),
    ],
)
@pytest.mark.parametrize("secured", [{}, SECURED])
async def test_a_challenge_goes_back_and_starts_nothing(
    ingress: Any,
    challenge: Challenge,
    request_: dict[str, Any],
    body: bytes,
    header: tuple[str, str] | None,
    secured: dict[str, Any],
) -> None:
    trigger_id = await ingress.serving(WebhookConfig(challenge=challenge, **secured), secret=KEY)
    reply = await ingress.send(trigger_id, **{"method": "POST", **request_})
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    if header is not None:
        assert reply.headers[header[0]] == header[1]
    if body:
        usual = "application/json" if challenge.reply is ChallengeReply.JSON else "text/plain; charset=utf-8"
        assert reply.headers["Content-Type"] == usual
    record = await ingress.rejected(request_id=reply.request_id)
    assert (record.reason, record.response_status) == ("handshake", 200)
    assert await ingress.accepted() == []


@pytest.mark.parametrize(
    ("challenge", "request_"),
    [
        (BODY, {"data": b'{"challenge": "c1", "order": 7}'}),
        (BODY, {"data": b'{"challenge": {"is": "won"}}'}),
        (BODY, {"data": b'{"challenge": true}'}),
        (BODY, {"data": b'[{"challenge": "c1"}]'}),
        (BODY, {"data": b'{"event": {"challenge": "c1"}}'}),
        (BODY, {"data": b"{}", "params": {"challenge": "c1"}, "headers": {"challenge": "c1"}}),
        (NESTED, {"data": b'{"data": {"validationCode": "c1", "id": 1}}'}),
        (DROPBOX, {"data": b'{"a": 1}', "params": {"challenge": "c1"}}),
        (DROPBOX, {"data": b"{}", "params": {"challenge": ""}}),
        (DROPBOX, {"data": b"{}", "params": {"Challenge": "c1"}}),
        (ASANA, {"data": b'{"events": []}', "headers": {"X-Hook-Secret": "c1"}}),
        (ASANA, {"data": b"{}", "headers": {"X-Hook-Signature": "c1"}}),
    ],
)
async def test_a_delivery_is_never_taken_for_a_challenge(
    ingress: Any, challenge: Challenge, request_: dict[str, Any]
) -> None:
    trigger_id = await ingress.serving(WebhookConfig(challenge=challenge))
    assert (await ingress.send(trigger_id, **request_)).status == 202
    assert [delivery.body for delivery in await ingress.accepted()] == [request_["data"]]


@pytest.mark.parametrize(
    ("challenge", "request_"),
    [
        (BODY, {"data": b'{"challenge": "' + b"x" * 1001 + b'"}'}),
        (BODY, {"data": '{"challenge": "é"}'.encode()}),
        (BODY, {"data": b'{"challenge": "a\\r\\nX-Evil: 1"}'}),
        (DROPBOX, {"method": "GET", "params": [("challenge", "a"), ("challenge", "b")]}),
        (DROPBOX, {"method": "GET", "params": {"challenge": "a\r\nX-Evil: 1"}}),
        (
            Challenge(query="c", reply=ChallengeReply.HEADER, reply_name="X-C"),
            {"method": "GET", "params": {"c": "a\r\nX-Evil: 1"}},
        ),
    ],
)
async def test_a_challenge_that_cannot_go_back_is_refused(
    ingress: Any, challenge: Challenge, request_: dict[str, Any]
) -> None:
    trigger_id = await ingress.serving(WebhookConfig(challenge=challenge, **SECURED), secret=KEY)
    reply = await ingress.send(trigger_id, **{"method": "POST", **request_})
    assert (reply.status, reply.json["rejectionReason"]) == (400, "malformed_request")
    assert "printable ASCII" in reply.json["detail"]
    assert "X-Evil" not in reply.headers


async def test_preflights_and_callers_that_are_not_allowed_get_no_challenge_back(
    ingress: Any,
) -> None:
    trigger_id = await ingress.serving(WebhookConfig(challenge=EVENT_GRID))
    ask = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "WebHook-Request-Origin": "eventgrid.example",
    }
    reply = await ingress.send(trigger_id, method="OPTIONS", headers=ask)
    assert (reply.status, "WebHook-Allowed-Origin" in reply.headers) == (204, False)
    closed = WebhookConfig(challenge=DROPBOX, allowed_ips=("192.0.2.0/24",))
    await ingress.put(closed, trigger_id=trigger_id)
    await ingress.settled(trigger_id, status=403, method="GET", params={"challenge": "c1"})


async def test_a_secret_in_a_challenge_is_not_recorded(ingress: Any) -> None:
    """A challenge may be the key of what follows (Asana), or the trigger's own secret in the wrong place."""
    proposed = "proposed-3f2c9a"
    for challenge in (ASANA, Challenge(header="X-Handshake"), OKTA):
        trigger_id = await ingress.serving(WebhookConfig(challenge=challenge))
        reply = await ingress.send(trigger_id, headers={challenge.header: proposed})
        assert proposed in reply.body.decode() + repr(reply.headers)
        assert proposed not in repr(await ingress.rejected(request_id=reply.request_id))
    own = await ingress.serving(WebhookConfig(challenge=BODY, auth_type=AuthType.API_KEY), secret=KEY)
    reply = await ingress.send(own, data=b'{"challenge": "%s"}' % KEY.encode())
    assert KEY not in repr(await ingress.rejected(request_id=reply.request_id))


async def test_a_challenge_has_its_place_beside_a_preset(ingress: Any) -> None:
    config = WebhookConfig(provider=WebhookProvider.GITHUB, challenge=DROPBOX, probes=Probes.RESPOND)
    trigger_id = await ingress.serving(config, secret=KEY)
    reply = await ingress.send(trigger_id, method="GET", params={"challenge": "c1"})
    assert (reply.status, reply.body) == (200, b"c1")
    assert (await ingress.send(trigger_id, data=b"{}")).status == 401
