"""Senders without a preset, over real HTTP: what the generic options say of how they prove themselves."""

import base64
import gzip
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.webhook_config import (
    SignatureEncoding,
    SignatureLabels,
    SignedBody,
    TimestampFormat,
)

pytestmark = pytest.mark.integration

SECRET = "It's a Secret to Everybody"
BODY = b'{"n": 1}'


def signed(content: str | bytes, *, secret: str = SECRET) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def at(written: TimestampFormat, *, seconds_ago: int = 0) -> str:
    now = datetime.now(UTC).timestamp() - seconds_ago
    match written:
        case TimestampFormat.SECONDS:
            return str(int(now))
        case TimestampFormat.MILLISECONDS:
            return str(int(now * 1000))
        case TimestampFormat.RFC_3339:
            return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def stamped(written: TimestampFormat) -> WebhookConfig:
    return WebhookConfig(
        auth_type=AuthType.HMAC,
        signature_header="X-Sig",
        signature_prefix="",
        signed_content="{timestamp}.{body}",
        timestamp_header="X-Ts",
        timestamp_format=written,
    )


async def outcome(ingress: Any, trigger: Any, **headers: str) -> tuple[int, str | None]:
    reply = await ingress.send(trigger, data=BODY, headers=headers)
    return reply.status, None if reply.status == 202 else reply.json["rejectionReason"]


@pytest.mark.parametrize("written", list(TimestampFormat))
async def test_a_signed_time_in_each_format_and_no_other(ingress: Any, written: TimestampFormat) -> None:
    trigger = await ingress.serving(stamped(written), secret=SECRET)
    time = at(written)
    right = {"X-Ts": time, "X-Sig": signed(time + "." + BODY.decode())}
    assert await outcome(ingress, trigger, **right) == (202, None)
    old = at(written, seconds_ago=3600)
    late = {"X-Ts": old, "X-Sig": signed(old + "." + BODY.decode())}
    assert await outcome(ingress, trigger, **late) == (401, "timestamp_invalid")
    for other in set(TimestampFormat) - {written}:
        time = at(other)
        headers = {"X-Ts": time, "X-Sig": signed(time + "." + BODY.decode())}
        reply = await ingress.send(trigger, data=BODY, headers=headers)
        assert (reply.status, reply.json["rejectionReason"]) == (401, "timestamp_invalid")
        looks = {"seconds": "seconds", "milliseconds": "milliseconds", "rfc3339": "RFC 3339"}[other]
        assert f"It looks like {looks}." in reply.json["detail"]
    assert len(await ingress.accepted()) == 1


async def test_a_header_of_labels_with_the_time_in_it(ingress: Any) -> None:
    config = WebhookConfig(
        auth_type=AuthType.HMAC,
        signature_header="X-Signature",
        signed_content="{timestamp}.{body}",
        signature_labels=SignatureLabels(signature="v1", timestamp="t"),
    )
    trigger = await ingress.serving(config, secret=SECRET)
    time = at(TimestampFormat.SECONDS)
    right = signed(time + "." + BODY.decode())
    wrong = "0" * 64
    for header in (
        f"t={time},v1={right}",
        f"t={time}, v1={right}",
        f"v1={right},t={time}",
        f"t={time},v1={wrong},v1={right}",
        f"t={time},v1={right},v2=of-another-version",
        f"t={time},v0={wrong},v1={right}",
    ):
        assert await outcome(ingress, trigger, **{"X-Signature": header}) == (202, None), header
    for header, reason in (
        (f"t={time},v1={wrong}", "signature_invalid"),
        (f"t={time},v2={right}", "signature_invalid"),
        (f"v1={right}", "timestamp_invalid"),
        (f"t={time},t={time},v1={right}", "timestamp_invalid"),
        (f"t={time}0,v1={right}", "timestamp_invalid"),
        ("", "signature_invalid"),
        (",".join([f"t={time}", *[f"v1={wrong}"] * 30, f"v1={right}"]), "signature_invalid"),
    ):
        assert await outcome(ingress, trigger, **{"X-Signature": header}) == (401, reason), header


async def test_an_unknown_version_beside_a_right_signature_is_no_error(ingress: Any) -> None:
    config = WebhookConfig(auth_type=AuthType.HMAC, signature_header="X-Sig", signature_prefix="v1=")
    trigger = await ingress.serving(config, secret=SECRET)
    right = f"v1={signed(BODY)}"
    for header in (right, f"{right}, v2=abc", f"v2=abc {right}", f"v1={'0' * 64} {right}"):
        assert await outcome(ingress, trigger, **{"X-Sig": header}) == (202, None), header
    for header in ("v2=abc", f"v2={signed(BODY)}", f"v1=short {right}"):
        assert await outcome(ingress, trigger, **{"X-Sig": header}) == (401, "signature_invalid"), header


def basic(text: str, *, charset: str = "utf-8") -> str:
    return f"Basic {base64.b64encode(text.encode(charset)).decode()}"


async def test_basic_asks_for_itself_and_takes_both_charsets(ingress: Any) -> None:
    secret = "shop:pässwörd of many words"
    trigger = await ingress.serving(WebhookConfig(auth_type=AuthType.BASIC), secret=secret)
    reply = await ingress.send(trigger, data=BODY)
    assert (reply.status, reply.json["rejectionReason"]) == (401, "credential_missing")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    for charset in ("utf-8", "latin-1"):
        header = basic(secret, charset=charset)
        assert await outcome(ingress, trigger, Authorization=header) == (202, None)
    for header in (basic("shop:other"), basic("SHOP" + secret[4:]), basic("shop:p?ssw?rd of many words")):
        assert await outcome(ingress, trigger, Authorization=header) == (401, "credential_invalid")
    for delivery in await ingress.accepted():
        assert dict(delivery.headers)["authorization"] == "[redacted]"


@pytest.mark.parametrize("header", ["Authorization", "X-Gateway-Pass", "X-Hello"])
async def test_a_key_in_a_header_of_any_name_is_in_no_record(ingress: Any, header: str) -> None:
    config = WebhookConfig(auth_type=AuthType.API_KEY, api_key_header=header)
    trigger = await ingress.serving(config, secret="0123456789abcdef-key")
    assert await outcome(ingress, trigger, **{header: "0123456789abcdef-key"}) == (202, None)
    assert await outcome(ingress, trigger, **{header: "another"}) == (401, "credential_invalid")
    assert await outcome(ingress, trigger, **{"X-API-Key": "0123456789abcdef-key"}) == (
        401,
        "credential_missing",
    )
    (delivery,) = await ingress.accepted()
    assert dict(delivery.headers)[header.lower()] == "[redacted]"


async def test_a_secret_with_spaces_signs_as_its_provider_says(ingress: Any) -> None:
    """GitHub's own example: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    trigger = await ingress.serving(WebhookConfig(auth_type=AuthType.HMAC), secret=SECRET)
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    reply = await ingress.send(trigger, data=b"Hello, World!", headers={"X-Hub-Signature-256": header})
    assert reply.status == 202
    upper = {"X-Hub-Signature-256": f"sha256={header[7:].upper()}"}
    assert (await ingress.send(trigger, data=b"Hello, World!", headers=upper)).status == 202


async def test_a_signature_over_what_was_compressed(ingress: Any) -> None:
    config = WebhookConfig(
        auth_type=AuthType.HMAC,
        signature_header="X-Sig",
        signature_prefix="",
        signature_encoding=SignatureEncoding.HEX,
        signed_body=SignedBody.DECODED,
    )
    trigger = await ingress.serving(config, secret=SECRET)
    packed = gzip.compress(BODY, mtime=0)
    headers = {"X-Sig": signed(BODY), "Content-Encoding": "gzip"}
    assert (await ingress.send(trigger, data=packed, headers=headers)).status == 202
    over_the_wire = {**headers, "X-Sig": signed(packed)}
    assert (await ingress.send(trigger, data=packed, headers=over_the_wire)).status == 401
    bomb = gzip.compress(b"0" * 50_000_000)
    reply = await ingress.send(trigger, data=bomb, headers=headers)
    assert (reply.status, reply.json["rejectionReason"]) == (400, "body_unreadable")
