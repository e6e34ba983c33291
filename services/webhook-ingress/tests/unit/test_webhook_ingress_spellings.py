"""How signatures may be spelled, and Adyen's two kinds of them."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_providers import WebhookProvider as P
from webhook_ingress.domain.presets import PRESETS
from webhook_ingress.domain.signed_request import SignedRequest

Make = Callable[..., Any]

CASES = json.loads(Path(__file__).with_name("provider_signatures.json").read_bytes())
HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{40,128}$")
BASE64 = re.compile(r"[A-Za-z0-9+/]{20,}={1,2}")
KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
DEFAULT = '{"id":"evt_1","n":"caf\\u00e9 \u2615"}'
BODY = b'{"type":"balancePlatform.transfer.updated"}'


def signature_cases(pattern: re.Pattern[str]) -> list[Any]:
    """Return the cases with a header that ends in a signature of a spelling, and which header that is."""
    return [
        pytest.param(case, at, id=f"{case['provider']}-{case['verified_against']}-{header[0]}")
        for case in CASES
        for at, header in enumerate(case["headers"])
        if "ignature" in header[0] and pattern.search(header[1]) and "v2,bm90" not in header[1]
    ]


@pytest.fixture
def passes(make_request: Make) -> Make:
    def check(case: Any, headers: list[Any], *, body: bytes | None = None) -> bool:
        start, _, rest = case.get("url", "https://hooks.example/api/webhooks/x").partition("//")
        host, _, path = rest.partition("/")
        signed = SignedRequest(
            request=make_request(
                *[(name, value) for name, value in headers],
                target=f"/{path}",
                method=case.get("method", "POST"),
                query=tuple((key, value) for key, value in case.get("query", ())),
            ),
            body=case.get("body", '{"id":"evt_1","n":"caf\\u00e9 \u2615"}').encode()
            if body is None
            else body,
            now=datetime.fromtimestamp(case.get("at", 1700000000), UTC),
            tolerance=300,
            public_url=f"{start}//{host}",
        )
        made = PRESETS[P(case["provider"])].scheme(signed)
        return not isinstance(made, Reason) and made(case["secret"].encode())

    return check


@pytest.mark.parametrize(("case", "at"), signature_cases(HEX))
def test_hex_is_taken_in_either_case(passes: Make, case: Any, at: int) -> None:
    headers = [list(header) for header in case["headers"]]
    assert passes(case, headers)
    headers[at][1] = HEX.sub(lambda match: match.group().upper(), headers[at][1])
    assert headers != case["headers"]
    assert passes(case, headers)


@pytest.mark.parametrize(("case", "at"), signature_cases(BASE64))
def test_base64_is_taken_in_its_one_spelling(passes: Make, case: Any, at: int) -> None:
    """The last character may have bits that decoding drops, padding be left out, another alphabet used."""
    name, value = case["headers"][at]
    # Box signs with two keys, of which one is the secret.
    alone = [header for header in case["headers"] if "ary" not in header[0] or header[0] == name]
    place = alone.index([name, value])
    if case["provider"] == "box" and not passes(case, alone):
        return
    assert passes(case, alone)
    for other in (
        re.sub(r"([A-Za-z0-9+/])(=+)$", lambda m: f"{chr(ord(m[1]) + 1)}{m[2]}", value),
        value.rstrip("="),
        value.replace("+", "-").replace("/", "_"),
        f"{value}=",
    ):
        changed = [list(header) for header in alone]
        changed[place][1] = other
        assert other == value or not passes(case, changed), other


@pytest.mark.parametrize("provider", [P.ADYEN, P.DISCORD])
def test_a_key_in_hex_is_taken_in_either_case(passes: Make, provider: P) -> None:
    case = next(case for case in CASES if case["provider"] == provider)
    for secret in (case["secret"].lower(), case["secret"].upper()):
        assert passes({**case, "secret": secret}, case["headers"])


def of_adyen(content: bytes) -> str:
    return base64.b64encode(hmac.digest(bytes.fromhex(KEY), content, hashlib.sha256)).decode()


def standard(**fields: Any) -> bytes:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        **fields,
    }
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


CONTENT = b"7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true"
ADYEN = {"provider": "adyen", "secret": KEY}


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ([("HmacSignature", of_adyen(BODY))], BODY, True),
        ([("HmacSignature", of_adyen(BODY)), ("Protocol", "HmacSHA256")], BODY, True),
        ([("HmacSignature", of_adyen(BODY)), ("Protocol", "HmacSHA1")], BODY, False),
        ([("HmacSignature", of_adyen(BODY))] * 2, BODY, False),
        ([("HmacSignature", of_adyen(BODY)[:-1])], BODY, False),
        ([("HmacSignature", "")], BODY, False),
        ([("HmacSignature", of_adyen(BODY))], BODY + b" ", False),
        ([], BODY, False),
        ([("HmacSignature", of_adyen(standard()))], standard(), True),
        ([], standard(), False),
    ],
)
def test_adyens_header_signs_the_whole_body(passes: Make, headers: Any, body: bytes, expected: bool) -> None:
    assert passes(ADYEN, headers, body=body) is expected


def test_where_adyen_signs_both_header_and_items_both_have_to_be_right(passes: Make) -> None:
    right = standard(additionalData={"hmacSignature": of_adyen(CONTENT)})
    wrong = standard(additionalData={"hmacSignature": of_adyen(b"x")})
    for body, header, expected in [
        (right, None, True),
        (right, of_adyen(right), True),
        (right, of_adyen(b"x"), False),
        (wrong, of_adyen(wrong), False),
        (wrong, None, False),
    ]:
        headers = [] if header is None else [("HmacSignature", header)]
        assert passes(ADYEN, headers, body=body) is expected


def test_one_kind_of_adyens_signatures_cannot_serve_as_the_other(passes: Make) -> None:
    """Both are HMACs under the same key: what an item signs must be no body, and no body an item's fields."""
    assert not passes(ADYEN, [("HmacSignature", of_adyen(CONTENT))], body=CONTENT)
    body = b'{"a":"b","c":"d","e":"f","g":"h","i":"j","k":"l","m":"n"}'
    first, second, third, *middle, value, currency, event, success = body.decode().split(":")
    forged = standard(
        pspReference=first,
        originalReference=second,
        merchantAccountCode=third,
        merchantReference=":".join(middle),
        amount={"value": value, "currency": currency},
        eventCode=event,
        success=success,
        additionalData={"hmacSignature": of_adyen(body)},
    )
    assert not passes(ADYEN, [], body=forged)


def test_a_header_signed_body_that_comes_again_is_the_same_delivery(make_request: Make) -> None:
    source = PRESETS[P.ADYEN].delivery_id
    assert source is not None
    assert source.compute is not None

    def key_of(body: bytes) -> str | None:
        assert source.compute is not None
        now = datetime.fromtimestamp(0, UTC)
        return source.compute(SignedRequest(request=make_request(), body=body, now=now, tolerance=300))

    assert key_of(BODY) == f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert key_of(standard()) == "AUTHORISATION:7914073381342284"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}-{case['verified_against']}")
def test_without_the_headers_that_a_row_names_nothing_is_verified(passes: Make, case: Any) -> None:
    named = PRESETS[P(case["provider"])].signature.headers
    assert all(name == name.lower() for name in named)
    rest = [header for header in case["headers"] if header[0].lower() not in named]
    signs_in_body = case["provider"] == "microsoft-graph" or (
        case["provider"] == "adyen" and not case["headers"]
    )
    assert passes(case, rest) is signs_in_body
