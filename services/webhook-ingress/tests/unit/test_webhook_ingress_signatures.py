"""The generic HMAC scheme: what a trigger may say of it, and what of a request is taken for a signature."""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_config import SignatureAlgorithm, SignatureEncoding, TimestampFormat
from webhook_ingress.domain.admission import Accepted, decide_admission, rejected
from webhook_ingress.domain.timestamps import seconds_of

Make = Callable[..., Any]

SECRET = b"a-secret-of-mine"
BODY = b'{"a": 1}\x00\xff'
URL = "https://hooks.example/base"
INVALID = rejected(Reason.SIGNATURE_INVALID)


@pytest.fixture
def verdict(make_trigger: Make, make_request: Make, make_secret: Make, now: datetime) -> Make:
    def decide(
        options: dict[str, Any], *headers: tuple[str, str], secrets: Any = (SECRET,), **more: Any
    ) -> Any:
        trigger = make_trigger(
            auth_type=AuthType.HMAC, secrets=tuple(make_secret(value) for value in secrets), **options
        )
        request = make_request(*headers, target=more.get("target", "/api/webhooks/x?a=%20b&c"))
        return decide_admission(trigger, request=request, body=BODY, now=now, public_url=URL)

    return decide


@pytest.mark.parametrize("algorithm", list(SignatureAlgorithm))
@pytest.mark.parametrize("encoding", list(SignatureEncoding))
@pytest.mark.parametrize("prefix", [None, "", "v1=", "v1,", "sha256="])
def test_every_spelling_of_a_signature(
    verdict: Make, sign: Make, algorithm: Any, encoding: Any, prefix: str | None
) -> None:
    digest = bytes.fromhex(sign(SECRET, BODY, algorithm=algorithm.value))
    text = digest.hex() if encoding is SignatureEncoding.HEX else base64.b64encode(digest).decode()
    start = f"{algorithm.value}=" if prefix is None else prefix
    options = {
        "signature_header": "X-Bank-Signature",
        "algorithm": algorithm,
        "signature_encoding": encoding,
        "signature_prefix": prefix,
    }

    def response(value: str) -> Any:
        return verdict(options, ("x-BANK-signature", value))

    good = f"{start}{text}"
    assert isinstance(response(good), Accepted)
    other = f"{start}{'0' * len(text) if encoding is SignatureEncoding.HEX else 'A' * len(text.rstrip('='))}"
    if encoding is SignatureEncoding.BASE64:
        other += "=" * (len(text) - len(text.rstrip("=")))
    # Several signatures, of which one is right: a sender between two secrets signs with both.
    for joint in (" ",) if "," in start else (" ", ",", ", "):
        assert isinstance(response(f"{other}{joint}{good}"), Accepted)
        assert isinstance(response(f"{good}{joint}{other}"), Accepted)
        assert response(f"{other}{joint}{other}") == INVALID
    for value in (
        other,
        "",
        start,
        f" {good}",
        f"{good} ",
        f"{good},",
        f"{good}  {good}",
        f"{good} junk",
        f"x{good}",
        f"{good}=",
        good[:-1],
        f"{start}{start}{text}" if start else f"x{text}",
        " ".join([good] * 21),
        f"{start}{text[:-1]}\u0661",
        f"{start}\udcff{text[1:]}",
    ):
        assert response(value) == INVALID, value
    assert verdict(options, ("X-Signature", good)) == rejected(Reason.SIGNATURE_MISSING)
    assert verdict(options, ("X-Bank-Signature", good), ("X-Bank-Signature", good)) == INVALID


def test_base64_that_decodes_to_the_same_bytes_is_not_the_same(verdict: Make, sign: Make) -> None:
    """The last character of 32 bytes has two spare bits; url-safe letters and breaks are other texts."""
    good = base64.b64encode(bytes.fromhex(sign(SECRET, BODY))).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = good[:-2] + alphabet[alphabet.index(good[-2]) ^ 1] + "="
    assert base64.b64decode(spare) == base64.b64decode(good)
    options = {
        "signature_header": "X-S",
        "signature_encoding": SignatureEncoding.BASE64,
        "signature_prefix": "",
    }
    for text in (spare, good.rstrip("="), f"{good}=", f"{good[:20]}\n{good[20:]}", good.replace("+", "-")):
        if text != good:
            assert verdict(options, ("X-S", text)) == INVALID


def test_the_hash_is_the_configurations_choice(verdict: Make, sign: Make) -> None:
    for algorithm in ("sha1", "sha384", "sha512"):
        header = ("X-Signature", f"{algorithm}={sign(SECRET, BODY, algorithm=algorithm)}")
        assert verdict({}, header) == INVALID
    weak = ("X-Signature", f"sha1={sign(SECRET, BODY, algorithm='sha1')}")
    assert isinstance(verdict({"algorithm": SignatureAlgorithm.SHA1}, weak), Accepted)


def test_the_template_says_what_is_signed(verdict: Make, sign: Make, now: datetime) -> None:
    stamp = str(int(now.timestamp()))
    options = {
        "signed_content": "v0|{id}|{timestamp}|{url}|{body}|end",
        "timestamp_header": "X-Time",
        "id_header": "X-Id",
        "tolerance_seconds": 60,
    }
    url = b"https://hooks.example/base/api/webhooks/x?a=%20b&c"
    content = b"v0|d-\xff1|" + stamp.encode() + b"|" + url + b"|" + BODY + b"|end"
    signature = ("X-Signature", f"sha256={sign(SECRET, content)}")
    time, name = ("X-Time", stamp), ("X-Id", "d-\udcff1")
    assert isinstance(verdict(options, signature, time, name), Accepted)
    assert verdict(options, signature, time, name, target="/api/webhooks/x?a=+b&c") == INVALID
    assert verdict(options, signature, time, ("X-Id", "d-2")) == INVALID
    assert verdict(options, signature, time) == INVALID
    assert verdict(options, signature, time, ("X-Id", "")) == INVALID
    assert verdict(options, signature, time, name, name) == INVALID
    other = ("X-Time", str(int(stamp) + 1))
    assert verdict(options, signature, other, name) == INVALID


@pytest.mark.parametrize(
    ("off", "expected"), [(0, True), (60, True), (-60, True), (61, False), (-61, False), (10**9, False)]
)
def test_times_count_in_both_directions(
    verdict: Make, sign: Make, now: datetime, off: int, expected: bool
) -> None:
    stamp = str(int(now.timestamp()) + off)
    options = {"signed_content": "{timestamp}.{body}", "timestamp_header": "X-Time", "tolerance_seconds": 60}
    signature = ("X-Signature", f"sha256={sign(SECRET, stamp.encode() + b'.' + BODY)}")
    result = verdict(options, signature, ("X-Time", stamp))
    assert isinstance(result, Accepted) if expected else result == rejected(Reason.TIMESTAMP_INVALID)


def test_a_text_that_is_not_a_time_is_refused(verdict: Make, sign: Make, now: datetime) -> None:
    stamp = str(int(now.timestamp()))
    options = {"signed_content": "{timestamp}.{body}", "timestamp_header": "X-Time"}
    arabic = "".join(chr(0x0660 + int(digit)) for digit in stamp)
    for text in (
        "",
        f" {stamp}",
        f"+{stamp}",
        f"-{stamp}",
        f"0{stamp}",
        f"{stamp}.0",
        f"{stamp}\n",
        f"{stamp[:4]}_{stamp[4:]}",
        arabic,
        "0x65",
        "1e9",
        "9" * 16,
        "NaN",
        "\udcff",
    ):
        signature = (
            "X-Signature",
            f"sha256={sign(SECRET, text.encode('utf-8', 'surrogateescape') + b'.' + BODY)}",
        )
        assert verdict(options, signature, ("X-Time", text)).reason is Reason.TIMESTAMP_INVALID, text
    signature = ("X-Signature", f"sha256={sign(SECRET, stamp.encode() + b'.' + BODY)}")
    assert verdict(options, signature) == rejected(Reason.TIMESTAMP_INVALID)
    assert verdict(options, signature, ("X-Time", stamp), ("X-Time", stamp)) == rejected(
        Reason.TIMESTAMP_INVALID
    )


def test_an_unsigned_request_needs_no_time_where_it_needs_no_signature(verdict: Make, sign: Make) -> None:
    options = {
        "signed_content": "{timestamp}.{body}",
        "timestamp_header": "X-Time",
        "require_signature": False,
    }
    assert isinstance(verdict(options), Accepted)
    assert verdict(options, ("X-Signature", "sha256=" + "0" * 64)) == rejected(Reason.TIMESTAMP_INVALID)


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("1700000000", TimestampFormat.SECONDS, 1700000000.0),
        ("0", TimestampFormat.SECONDS, 0.0),
        ("1700000000123", TimestampFormat.MILLISECONDS, 1700000000.123),
        ("2023-11-14T22:13:20Z", TimestampFormat.RFC_3339, 1700000000.0),
        ("2023-11-14T23:13:20+01:00", TimestampFormat.RFC_3339, 1700000000.0),
        ("2023-11-14T22:13:20.123456789Z", TimestampFormat.RFC_3339, 1700000000.123456),
        ("2023-11-14T22:13:20.5Z", TimestampFormat.RFC_3339, 1700000000.5),
        ("2023-11-14T22:13:20", TimestampFormat.RFC_3339, None),
        ("2023-11-14 22:13:20Z", TimestampFormat.RFC_3339, None),
        ("2023-13-14T22:13:20Z", TimestampFormat.RFC_3339, None),
        ("0001-01-01T00:00:00+23:00", TimestampFormat.RFC_3339, None),
        ("2023-11-14T22:13:20+99:00", TimestampFormat.RFC_3339, None),
        ("20231114T221320Z", TimestampFormat.RFC_3339, None),
    ],
)
def test_how_times_are_written(text: str, written: TimestampFormat, expected: float | None) -> None:
    assert seconds_of(text, written=written) == expected


@given(st.text(max_size=30))
def test_no_text_breaks_a_parser(text: str) -> None:
    for written in TimestampFormat:
        seconds_of(text, written=written)
