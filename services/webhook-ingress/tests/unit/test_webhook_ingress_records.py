"""What is recorded, what is hidden, who is named, which origins are admitted."""

import gzip
import hashlib
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts.codec import encode
from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import DELIVERIES, DeliveriesRejected, RejectionReason
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain import redaction
from webhook_ingress.domain.delivery import RecordedRequest, rejected_delivery
from webhook_ingress.domain.request import BodyProblem, ReceivedRequest
from webhook_ingress.domain.scrubbing import Scrubber
from webhook_ingress.domain.sender import ALL_ORIGINS, AllowedOrigins, client_address

Make = Callable[..., Any]


CREDENTIALS = [
    "Authorization",
    "PROXY-AUTHORIZATION",
    "X-Authorization",
    "X-Forwarded-Authorization",
    "X-Authentication",
    "Cookie",
    "Set-Cookie",
    "Cookie2",
    "X-API-Key",
    "X-My-ApiKey",
    "api_key",
    "apikey",
    "apiKey",
    "api.key",
    "x-functions-key",
    "Ocp-Apim-Subscription-Key",
    "X-Access-Key",
    "X-Private-Key",
    "X-Secret-Key",
    "X-Master-Key",
    "X-Auth-Key",
    "consumer_key",
    "X-Jwt-Assertion",
    "jwt",
    "X-Goog-IAP-JWT-Assertion",
    "Cf-Access-Jwt-Assertion",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Accesstoken",
    "SAMLResponse",
    "client_assertion",
    "X-Credential",
    "X-Credentials",
    "X-Amz-Credential",
    "X-Passphrase",
    "X-Password-Hint",
    "passwd",
    "user[password]",
    "pwd",
    "X-Passcode",
    "X-Gitlab-Token",
    "X-Telegram-Bot-Api-Secret-Token",
    "access_token",
    "refresh_token",
    "id_token",
    "hub.verify_token",
    "X-CSRF-Token",
    "X-XSRF",
    "csrf",
    "Client-Secret",
    "client_secret",
    "X-Amz-Security-Token",
    "authorization_code",
    "X-Bearer",
    "X-Signature-Secret",
    "X-Signature-Key",
    "X-Signing-Key",
    "authToken",
    "accesstoken",
    "clientsecret",
    "new_password",
    "OAuthToken",
    "access_tokens",
    "samlresponse",
    "code_verifier",
]
HIDDEN_IN_THE_LOG = [
    "X-Key",
    "key",
    "KEY",
    "X-Auth",
    "auth",
    "userAuth",
    "X-Auth-User",
    "pass",
    "X-Session-Id",
    "session_id",
    "sessionId",
    "session",
    "X-Session",
    "sid",
    "PHPSESSID_sid",
    "code",
    "otp",
    "jsessionid",
    "next_page_token",
    "license_key",
    "verificationCode",
]
HARMLESS = [
    "Host",
    "Authority",
    "X-Authority",
    "Author",
    "X-Author-Id",
    "Accept",
    "Accept-Encoding",
    "Content-Type",
    "Content-Length",
    "Origin",
    "User-Agent",
    "Referer",
    "X-GitHub-Event",
    "X-GitHub-Delivery",
    "X-GitHub-Hook-ID",
    "X-Gitlab-Event",
    "X-Shopify-Topic",
    "X-Request-Id",
    "Idempotency-Key",
    "X-Idempotency-Key",
    "X-Idempotent-Key",
    "Surrogate-Key",
    "X-Cache-Key",
    "Sec-WebSocket-Key",
    "Traceparent",
    "Date",
    "Digest",
    "Content-Digest",
    "Access-Control-Request-Method",
    "X-Hook-Resource",
    "keyboard",
    "monkey",
    "encoding",
    "page",
    "design",
    "compass",
    "bypass",
    "passenger",
    "country_code",
    "zip-code",
    "status_code",
    "sort_key",
    "issue_key",
    "partition-key",
    "hub.challenge",
    "significant",
    "obsession",
    "x-secure",
    "prompt_tokens",
    "tokens_used",
    "max_tokens",
    "token_count",
    "totalTokenCount",
    "token_type",
    "secretary",
    "session_count",
    "keyboard_layout",
    "tokenizer",
    "cookie_consent",
    "has_password",
    "authored_by",
    "promo_code",
    "passport",
    "x",
    "a",
]
SIGNATURES = [
    "X-Signature",
    "X-Hub-Signature",
    "X-Hub-Signature-256",
    "X-Webhook-Signature",
    "Stripe-Signature",
    "Webhook-Signature",
    "X-Slack-Signature",
    "X-Twilio-Signature",
    "X-Line-Signature",
    "X-Signature-Ed25519",
    "X-Signature-Timestamp",
    "Paypal-Transmission-Sig",
    "X-Shopify-Hmac-Sha256",
    "X-Square-HmacSha256-Signature",
    "Signature",
    "Signature-Input",
    "X-Auth-Signature",
    "X-Api-Signature-V2",
]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_credentials_are_redacted_wherever_they_stand(name: str) -> None:
    for spelling in {name, name if name == "userAuth" else name.lower()}:
        assert redaction.headers([(spelling, "v")]) == ((name.lower(), "[redacted]"),)
        assert redaction.query([(spelling, "v")]) == ((spelling, "[redacted]"),)


@pytest.mark.parametrize("name", HIDDEN_IN_THE_LOG)
def test_what_may_be_no_credential_reaches_the_workflow(name: str) -> None:
    assert redaction.headers([(name, "v")]) == ((name.lower(), "v"),)
    assert redaction.query([(name, "v")]) == ((name, "v"),)


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        ("https://a.example/?token=s3cret", "https://a.example/?token=[redacted]"),
        ("/path?a=1&access_token=s3cret&b=2", "/path?a=1&access_token=[redacted]&b=2"),
        (
            '<https://a.example/?page=2&api_key=s3cret>; rel="next"',
            '<https://a.example/?page=2&api_key=[redacted]>; rel="next"',
        ),
        ("https://ann:s3cret@a.example/x", "https://[redacted]@a.example/x"),
        ("https://a.example/#id_token=s3cret&state=1", "https://a.example/#id_token=[redacted]&state=1"),
        (
            "https://a.example/?to=https%3A%2F%2Fb.example%2F%3Ftoken%3Ds3cret%26x%3D1",
            "https://a.example/?to=https%3A%2F%2Fb.example%2F%3Ftoken%3D[redacted]%26x%3D1",
        ),
        ("https://a.example/?X-Amz-Signature=s3cret", "https://a.example/?X-Amz-Signature=[redacted]"),
        ("/?user%5Bpassword%5D=s3cret&a=1", "/?user%5Bpassword%5D=[redacted]&a=1"),
        ("token=s3cret&a=1", "token=[redacted]&a=1"),
    ],
)
def test_an_address_in_a_header_or_a_value_is_treated_like_the_query(value: str, recorded: str) -> None:
    for name in ("referer", "x-forwarded-uri", "x-original-url", "link", "x-any-other"):
        assert redaction.headers([(name, value)]) == ((name, recorded),)
    assert redaction.query([("next", value)]) == (("next", recorded),)


@pytest.mark.parametrize(
    "value",
    [
        "https://a.example/?code=SUMMER25&prompt_tokens=12&secretary=Ann#top",
        "text/html, application/xhtml+xml;q=0.9, */*;q=0.8",
        "ann@example.com",
        "sha256=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
        "t=1492774577,v1=5257a869",
        "sig1=:K2qGT5srn2OGbOIDzQ6kYT==:, a&b",
    ],
)
def test_what_is_no_credential_of_an_address_stays(value: str) -> None:
    assert redaction.headers([("x-any", value)]) == (("x-any", value),)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"provider": WebhookProvider.GITHUB}, "x-hub-signature-256"),
        ({"provider": WebhookProvider.GITHUB}, "x-hub-signature"),
        ({"provider": WebhookProvider.STRIPE}, "stripe-signature"),
        ({"provider": WebhookProvider.GITLAB}, "x-gitlab-token"),
        ({"auth_type": AuthType.HMAC}, "x-signature"),
        ({"auth_type": AuthType.HMAC, "signature_header": "X-Proof"}, "x-proof"),
        ({"auth_type": AuthType.API_KEY, "api_key_header": "Shop-Hello"}, "shop-hello"),
    ],
)
def test_what_verifies_a_sender_is_in_no_record(
    make_trigger: Make, make_request: Make, make_door: Make, options: dict[str, Any], name: str, enabled: bool
) -> None:
    door = make_door(make_trigger(enabled=enabled, **options))
    door.send(make_request((name, "v"), ("x-other", "w"), trigger_id=door.trigger.id), body=b"{}")
    fields = dict(door.rejected[0].headers)
    assert (fields[name], fields["x-other"]) == ("[redacted]", "w")


def test_a_signature_stays_where_only_the_workflow_verifies_it(
    make_trigger: Make, make_request: Make, make_door: Make
) -> None:
    door = make_door(make_trigger())
    door.send(make_request(("x-hub-signature-256", "v"), trigger_id=door.trigger.id), body=b"{}")
    assert dict(door.accepted[0].headers)["x-hub-signature-256"] == "v"


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_not_a_credential_is_kept(name: str) -> None:
    for spelling in (name, name.lower(), name.upper()):
        assert redaction.headers([(spelling, "v")]) == ((name.lower(), "v"),)
        assert redaction.query([(spelling, "v")]) == ((spelling, "v"),)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_stay_in_headers_and_go_from_addresses(name: str) -> None:
    """In a header it proves who sent this body; in an address it opens that address to whoever has it."""
    for spelling in (name, name.lower()):
        assert redaction.headers([(spelling, "v")]) == ((name.lower(), "v"),)
        assert redaction.query([(spelling, "v")]) == ((spelling, "[redacted]"),)


def test_records_are_bounded() -> None:
    recorded = redaction.headers([("N" * 1000, "v" * 10_000)] * 1000)
    assert len(recorded) == redaction.MAX_FIELDS
    assert {(len(name), len(value)) for name, value in recorded} == {(256, 8192)}


@given(st.text(st.characters(exclude_categories=())))
def test_safe_text_is_utf8_without_nul(text: str) -> None:
    made = redaction.safe(text, longest=1000)
    made.encode()
    assert "\0" not in made
    if "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert made == text[:1000]


def test_surrogate_escapes_become_replacements() -> None:
    assert (
        redaction.safe(b"caf\xe9 \xff".decode("utf-8", "surrogateescape"), longest=99) == "caf\ufffd \ufffd"
    )


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, ["1.1.1.1"], "9.9.9.9"),
        (1, [], "9.9.9.9"),
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1,2.2.2.2"], "1.1.1.1"),
        (2, ["1.1.1.1"], "9.9.9.9"),
        (1, ["1.1.1.1,"], "9.9.9.9"),
        (1, ["1.1.1.1, unknown"], "9.9.9.9"),
        (1, ["fe80::1%<b>"], "9.9.9.9"),
        (1, ["2001:DB8::0001"], "2001:db8::1"),
        (1, ["\udcff"], "9.9.9.9"),
        (1, ["010.1.1.1"], "9.9.9.9"),
    ],
)
def test_the_client_address_is_the_trusted_hop(hops: int, forwarded: list[str], expected: str) -> None:
    assert client_address(forwarded_for=forwarded, peer="9.9.9.9", trusted_hops=hops) == expected


@pytest.mark.parametrize(
    ("present", "allowed", "expected"),
    [
        ([], ["https://a.example"], True),
        (["https://a.example"], [], True),
        (["null"], ["*"], True),
        (["https://a.example"], ["https://a.example"], True),
        (["https://a.example"], ["HTTPS://A.example:443/"], True),
        (["http://a.example:8080"], ["http://a.example:8080"], True),
        (["http://a.example"], ["https://a.example"], False),
        (["https://a.example.evil"], ["https://a.example"], False),
        (["https://b.a.example"], ["https://a.example"], False),
        (["https://a.example:8443"], ["https://a.example"], False),
        (["null"], ["https://a.example"], False),
        ([""], ["https://a.example"], False),
        (["https://a.example", "https://evil.example"], ["https://a.example"], False),
        (["https://a.example\udcff"], ["https://a.example"], False),
    ],
)
def test_listed_origins_are_admitted(present: list[str], allowed: list[str], expected: bool) -> None:
    assert AllowedOrigins(allowed).admit(present) is expected


def test_only_one_plain_origin_is_echoed() -> None:
    assert ALL_ORIGINS.readable_by(["https://a.example"]) == "https://a.example"
    for present in ([], ["a", "b"], ["\udcff"], [""], ["a\r\nX: y"]):
        assert ALL_ORIGINS.readable_by(present) is None
    assert AllowedOrigins(["https://b.example"]).readable_by(["https://a.example"]) is None


@pytest.mark.parametrize(
    ("body", "kept"),
    [(b"x" * 10, b"x" * 10), (b"x" * 11, b""), (BodyProblem.TOO_SLOW, b"")],
)
def test_a_refused_body_is_recorded_whole_or_not_at_all(
    make_request: Make, now: datetime, body: Any, kept: bytes
) -> None:
    trigger_id = uuid4()
    request = make_request(("User-Agent", "a"), ("Cookie", "s"), trigger_id=trigger_id, method="X" * 99)
    recorded = RecordedRequest(
        delivery_id=UUID(int=1),
        received=ReceivedRequest(request=request, received_at=now, begun=0.0),
        body=body,
        processing_ms=1.5,
        response_status=404,
        response_body=b"{}",
    )
    record = rejected_delivery(
        recorded,
        owner=None,
        reason=RejectionReason.UNKNOWN_TRIGGER,
        longest_body=10,
        scrubber=Scrubber(None),
    )
    read = body if isinstance(body, bytes) else b""
    assert (record.body, record.body_sha256) == (kept, hashlib.sha256(read).hexdigest())
    assert (record.trigger_id, record.workspace, record.trigger_name) == (trigger_id, None, None)
    assert (len(record.method), record.user_agent) == (32, "a")
    message = DeliveriesRejected(deliveries=(record,), dropped=2)
    assert DELIVERIES.decode(encode(message)) == message


@pytest.mark.parametrize(
    ("content", "is_kept"),
    [
        (b'{"key": "a-key-of-this-test-0"}', False),
        (b"key=%61-key-of-this-test-0", False),
        (b"0" * 2000, False),
        (b'{"key": "another"}', True),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate"])
def test_a_secret_in_a_compressed_body_that_is_refused_is_not_recorded(
    make_trigger: Callable[..., Any],
    make_secret: Callable[..., Any],
    make_request: Make,
    now: datetime,
    content: bytes,
    is_kept: bool,
    encoding: str,
) -> None:
    body = content
    for word in encoding.split(", "):
        body = gzip.compress(body) if word == "gzip" else zlib.compress(body)
    trigger = make_trigger(secrets=(make_secret(b"a-key-of-this-test-0"),))
    request = make_request(("Content-Encoding", encoding), trigger_id=trigger.id)
    recorded = RecordedRequest(
        delivery_id=UUID(int=1),
        received=ReceivedRequest(request=request, received_at=now, begun=0.0),
        body=body,
        processing_ms=1.5,
        response_status=401,
        response_body=b"{}",
    )
    record = rejected_delivery(
        recorded,
        owner=trigger,
        reason=RejectionReason.SIGNATURE_MISSING,
        longest_body=100,
        scrubber=Scrubber(trigger),
    )
    assert record.body == (body if is_kept else b"")


def test_what_the_way_says_is_no_header_of_the_sender(make_request: Make) -> None:
    """Neither of a proxy in front, nor of the sender to the next hop: a workflow sees the sender's alone."""
    of_the_way = ("Connection", "Keep-Alive", "TE", "Via", "X-Forwarded-For", "X-Forwarded-Host", "Upgrade")
    own = ("content-type", "x-forwarded-url", "viaduct", "forwarded")
    kept = tuple((name, "x") for name in own)
    assert redaction.headers([*((name, "x") for name in of_the_way), *kept]) == kept
    # A sender may name any header there: the body must be read as its label says.
    named = [("Connection", "content-type, x-a"), ("Content-Type", "text/plain"), ("X-A", "1")]
    assert redaction.headers(named) == (("content-type", "text/plain"), ("x-a", "1"))


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("application/json", b'{"k": "\\u0061-key-of-this-test-0"}'),
        ("application/json", '{"k": "a-key-of-this-test-0"}'.encode("utf-16")),
        ("application/x-www-form-urlencoded", b"k=%61%2dkey-of-this-test-0"),
        ("text/plain", b'{"k": ["\\u0061\\u002dkey-of-this-test-0"]}'),
    ],
)
def test_a_secret_that_a_refused_body_writes_otherwise_is_not_recorded(
    make_trigger: Callable[..., Any],
    make_secret: Callable[..., Any],
    make_request: Make,
    now: datetime,
    label: str,
    body: bytes,
) -> None:
    trigger = make_trigger(secrets=(make_secret(b"a-key-of-this-test-0"),))

    def recorded(sent: bytes) -> bytes:
        request = make_request(("Content-Type", label), trigger_id=trigger.id)
        return rejected_delivery(
            RecordedRequest(
                delivery_id=UUID(int=1),
                received=ReceivedRequest(request=request, received_at=now, begun=0.0),
                body=sent,
                processing_ms=1.5,
                response_status=401,
                response_body=b"{}",
            ),
            owner=trigger,
            reason=RejectionReason.SIGNATURE_MISSING,
            longest_body=64 * 1024,
            scrubber=Scrubber(trigger),
        ).body

    assert recorded(body) == b""
    other = body.replace(b"0", b"9")
    assert recorded(other) == other
