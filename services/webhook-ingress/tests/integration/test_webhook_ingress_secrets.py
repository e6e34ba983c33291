"""A secret in the wrong place is refused, and is in no record."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from trigger_contracts.config import AuthType, WebhookConfig

pytestmark = pytest.mark.integration

SECRET = "sesame/open+wide=now"


async def test_the_triggers_own_secret_is_in_no_record_wherever_it_was_put(ingress: Any, capfd: Any) -> None:
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.API_KEY), secret=SECRET)
    encoded = base64.b64encode(SECRET.encode()).decode()
    headers = {
        "X-Whatever": f"key {SECRET}.",
        "X-Encoded": encoded,
        "User-Agent": f"sender/{SECRET}",
        "X-Signature": SECRET,
        "Referer": f"https://a.example/?x={quote(SECRET, safe='')}",
    }
    address = f"{trigger_id}?x={quote(SECRET, safe='')}&note=kept"
    reply = await ingress.send(address, data=f'{{"k": "{SECRET}"}}', headers=headers)
    assert reply.status == 401
    record = await ingress.rejected(request_id=reply.request_id)
    written = (
        msgspec.json.encode(record).decode() + base64.b64decode(msgspec.to_builtins(record)["body"]).decode()
    )
    for form in (SECRET, quote(SECRET, safe=""), encoded):
        assert form not in written
    assert ("note", "kept") in record.query
    assert record.body == b"", "a refused body that holds it is not kept"

    accepted = await ingress.send(
        trigger_id,
        data=b"{}",
        headers={
            "X-API-Key": SECRET,
            "X-Also": SECRET,
            "X-Request-Id": "key-sesame",
            "Idempotency-Key": SECRET,
        },
    )
    assert accepted.status == 202
    (delivery,) = await ingress.accepted()
    assert SECRET not in msgspec.json.encode(delivery).decode()
    assert SECRET not in "".join(capfd.readouterr())


async def test_a_request_id_that_is_the_secret_is_replaced(ingress: Any, capfd: Any) -> None:
    secret = "a-secret-that-could-be-an-id"
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.BEARER), secret=secret)
    reply = await ingress.send(trigger_id, headers={"X-Request-Id": secret})
    assert reply.status == 401
    assert secret not in str(reply.headers) + reply.body.decode()
    await ingress.rejected(request_id=reply.request_id)
    assert secret not in "".join(capfd.readouterr())


async def test_every_form_of_a_secret_is_found(ingress: Any) -> None:
    secret = 'k9+Zq/7w"pX\\3=='
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.API_KEY), secret=secret)
    lower = "".join(f"%{ord(char):02x}" if not char.isalnum() else char for char in secret)
    partly = secret.replace("/", "%2F").replace('"', "%22").replace("\\", "%5C")
    bodies = [
        msgspec.json.encode({"key": secret}),
        f"key={quote_plus(secret)}".encode(),
        base64.b64encode(secret.encode()),
        lower.encode(),
    ]
    for body in bodies:
        reply = await ingress.send(trigger_id, data=body, headers={"X-Odd": lower, "X-Odder": partly})
        record = await ingress.rejected(request_id=reply.request_id)
        assert record.body == b""
        fields = dict(record.headers)
        assert (fields["x-odd"], fields["x-odder"]) == ("[redacted]", "[redacted]")
    reply = await ingress.send(f"{trigger_id}/{quote(secret, safe='')}", headers={"User-Agent": secret})
    assert reply.status == 404
    record = await ingress.rejected(request_id=reply.request_id)
    assert record.path == f"/api/webhooks/{trigger_id}/[redacted]"
    assert record.user_agent == "[redacted]"


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("enclose", [str, quote_plus, _in_base64])
async def test_an_accepted_body_does_not_hold_the_triggers_secret(ingress: Any, enclose: Any) -> None:
    secret = "s3cret+with/others=="
    trigger_id = await ingress.serving(WebhookConfig(auth_type=AuthType.BEARER), secret=secret)
    body = msgspec.json.encode({"note": enclose(secret), "kept": 1})
    reply = await ingress.send(trigger_id, data=body, headers={"Authorization": f"Bearer {secret}"})
    assert reply.status == 202
    (delivery,) = await ingress.accepted()
    assert msgspec.json.decode(delivery.body) == {"note": "[redacted]", "kept": 1}
    assert delivery.body_sha256 == hashlib.sha256(body).hexdigest()
