"""Who is believed. The HMAC vectors are RFC 4231's for SHA-256, and GitHub's published example."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from trigger_contracts.config import AuthType
from trigger_contracts.deliveries import RejectionReason
from trigger_webhooks import SHORTEST_SECRET
from webhook_ingress.domain import authentication
from webhook_ingress.domain.authentication import Authentic, NotAuthentic
from webhook_ingress.domain.hmac_scheme import hmac_scheme_of
from webhook_ingress.domain.signed_request import SignedRequest

Make = Callable[..., Any]


def authenticate(trigger: Any, *, request: Any, body: bytes, now: datetime) -> Authentic | NotAuthentic:
    signed = SignedRequest(request=request, body=body, now=now, tolerance=300)
    return authentication.authenticate(trigger, signed=signed)


VECTORS = [
    pytest.param(
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        id="rfc4231-1",
    ),
    pytest.param(
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        id="rfc4231-2",
    ),
    pytest.param(
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        id="rfc4231-3",
    ),
    pytest.param(
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        id="rfc4231-4",
    ),
    pytest.param(
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        id="rfc4231-6",
    ),
    pytest.param(
        b"It's a Secret to Everybody",
        b"Hello, World!",
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        id="github",
    ),
]


@pytest.mark.parametrize(("key", "body", "digest"), VECTORS)
@pytest.mark.parametrize("name", ["X-Signature", "X-Hub-Signature-256", "X-Webhook-Signature"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_published_vectors_verify(
    make_trigger: Make,
    make_request: Make,
    make_secret: Make,
    now: datetime,
    key: bytes,
    body: bytes,
    digest: str,
    name: str,
    case: Callable[[str], str],
) -> None:
    secret = make_secret(key)
    trigger = make_trigger(auth_type=AuthType.HMAC, secrets=(secret,))
    request = make_request((name, f"sha256={case(digest)}"))
    signed = SignedRequest(request=request, body=body, now=now, tolerance=300)
    check = hmac_scheme_of(trigger.config).signature_check(signed)
    assert not isinstance(check, RejectionReason)
    assert check(key)
    result = authenticate(trigger, request=request, body=body, now=now)
    changed = authenticate(trigger, request=request, body=body + b" ", now=now)
    if len(key) < SHORTEST_SECRET:
        assert result == changed == NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    else:
        assert result == Authentic(secret_id=secret.id)
        assert changed == NotAuthentic(reason=RejectionReason.SIGNATURE_INVALID)


SECRET = "a-secret-of-mine"


def _hmac(secret: str = SECRET, body: bytes = b"Hello") -> str:
    import hashlib
    import hmac

    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Signature", "")],
        [("X-Signature", _hmac().removeprefix("sha256="))],
        [("X-Signature", _hmac().replace("sha256", "SHA256"))],
        [("X-Signature", _hmac().replace("sha256", "sha1"))],
        [("X-Signature", f" {_hmac()}")],
        [("X-Signature", f"{_hmac()}\n")],
        [("X-Signature", f"{_hmac()} ")],
        [("X-Signature", _hmac()[:-1])],
        [("X-Signature", f"{_hmac()}0")],
        [("X-Signature", f"{_hmac()}, {_hmac()}")],
        [("X-Signature", "sha256=" + "\u0661" * 64)],
        [("X-Signature", "sha256=" + "\udcff" * 64)],
        [("X-Signature", "sha256=" + "\uff41" * 64)],
        [("X-Signature", _hmac()), ("X-Signature", _hmac())],
        [("X-Signature", _hmac()), ("X-Hub-Signature-256", _hmac("other"))],
        [("X-Signature", _hmac()), ("X-Webhook-Signature", "")],
        [("X-Webhook-Signature", _hmac("other")), ("X-Hub-Signature-256", _hmac())],
    ],
)
@pytest.mark.parametrize("require_signature", [True, False])
def test_whatever_is_not_exactly_right_is_refused(
    make_trigger: Make,
    make_request: Make,
    make_secret: Make,
    now: datetime,
    headers: list[tuple[str, str]],
    require_signature: bool,
) -> None:
    trigger = make_trigger(
        auth_type=AuthType.HMAC, secrets=(make_secret(SECRET.encode()),), require_signature=require_signature
    )
    result = authenticate(trigger, request=make_request(*headers), body=b"Hello", now=now)
    assert result == NotAuthentic(reason=RejectionReason.SIGNATURE_INVALID)


def test_two_headers_that_both_verify_pass(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime
) -> None:
    secret = make_secret(SECRET.encode())
    trigger = make_trigger(auth_type=AuthType.HMAC, secrets=(secret,))
    request = make_request(("X-Signature", _hmac()), ("X-Hub-Signature-256", _hmac()))
    assert authenticate(trigger, request=request, body=b"Hello", now=now) == Authentic(secret_id=secret.id)


def test_an_unsigned_request_passes_only_where_the_trigger_says_so(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime
) -> None:
    for require, expected in [
        (True, NotAuthentic(reason=RejectionReason.SIGNATURE_MISSING)),
        (False, Authentic()),
    ]:
        trigger = make_trigger(auth_type=AuthType.HMAC, secrets=(make_secret(),), require_signature=require)
        # GitHub's SHA-1 header is no signature that is looked at.
        request = make_request(("X-Hub-Signature", "sha1=" + "0" * 40))
        assert authenticate(trigger, request=request, body=b"", now=now) == expected


@pytest.mark.parametrize(
    ("auth_type", "header", "value"),
    [
        (AuthType.API_KEY, "X-API-Key", "s3cret-s3cret-s3cret"),
        (AuthType.BEARER, "Authorization", "Bearer s3cret-s3cret-s3cret"),
        (AuthType.BEARER, "Authorization", "bearer  s3cret-s3cret-s3cret"),
        (AuthType.HMAC, "X-Signature", _hmac("s3cret-s3cret-s3cret", b"")),
    ],
)
def test_every_unexpired_secret_counts(
    make_trigger: Make,
    make_request: Make,
    make_secret: Make,
    now: datetime,
    auth_type: AuthType,
    header: str,
    value: str,
) -> None:
    request = make_request((header, value))

    def result(*secrets: Any) -> Authentic | NotAuthentic:
        trigger = make_trigger(auth_type=auth_type, secrets=secrets)
        return authenticate(trigger, request=request, body=b"", now=now)

    current, other = make_secret(), make_secret(b"other-s3cret-of-mine")
    overlapping = make_secret(valid_until=now + timedelta(seconds=1))
    expired = make_secret(valid_until=now)
    assert result(current) == Authentic(secret_id=current.id)
    assert result(other, overlapping) == Authentic(secret_id=overlapping.id)
    refused = result(other, expired)
    assert isinstance(refused, NotAuthentic)
    assert refused.reason.value.endswith("_invalid")
    unavailable = NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    assert result(expired) == unavailable
    assert result() == unavailable
    assert result(make_secret(b"")) != Authentic(secret_id=current.id)


def test_an_unopened_secret_is_not_blamed_on_the_sender(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime
) -> None:
    good = make_secret()
    trigger = make_trigger(auth_type=AuthType.API_KEY, secrets=(good,), unopened=(uuid4(),))
    wrong = authenticate(trigger, request=make_request(("X-API-Key", "x")), body=b"", now=now)
    assert wrong == NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    right = authenticate(
        trigger, request=make_request(("X-API-Key", "s3cret-s3cret-s3cret")), body=b"", now=now
    )
    assert right == Authentic(secret_id=good.id)


@pytest.mark.parametrize(
    ("auth_type", "headers", "reason"),
    [
        (AuthType.API_KEY, [], RejectionReason.CREDENTIAL_MISSING),
        (
            AuthType.API_KEY,
            [("Authorization", "Bearer s3cret-s3cret-s3cret")],
            RejectionReason.CREDENTIAL_MISSING,
        ),
        (AuthType.API_KEY, [("X-API-Key", "")], RejectionReason.CREDENTIAL_INVALID),
        (AuthType.API_KEY, [("X-API-Key", "s3cret-s3cret-s3cret ")], RejectionReason.CREDENTIAL_INVALID),
        (AuthType.API_KEY, [("X-API-Key", "\udcff")], RejectionReason.CREDENTIAL_INVALID),
        (AuthType.API_KEY, [("X-API-Key", "s3cret-s3cret-s3cret")] * 2, RejectionReason.CREDENTIAL_INVALID),
        (AuthType.BEARER, [], RejectionReason.CREDENTIAL_MISSING),
        (AuthType.BEARER, [("Authorization", "s3cret-s3cret-s3cret")], RejectionReason.CREDENTIAL_MISSING),
        (
            AuthType.BEARER,
            [("Authorization", "Basic s3cret-s3cret-s3cret")],
            RejectionReason.CREDENTIAL_MISSING,
        ),
        (AuthType.BEARER, [("Authorization", "Bearer ")], RejectionReason.CREDENTIAL_MISSING),
        (AuthType.BEARER, [("Authorization", "Bearer S3cret")], RejectionReason.CREDENTIAL_INVALID),
        (
            AuthType.BEARER,
            [("Authorization", "Bearer s3cret-s3cret-s3cret")] * 2,
            RejectionReason.CREDENTIAL_INVALID,
        ),
    ],
)
def test_missing_and_wrong_credentials_are_refused(
    make_trigger: Make,
    make_request: Make,
    make_secret: Make,
    now: datetime,
    auth_type: AuthType,
    headers: list[tuple[str, str]],
    reason: RejectionReason,
) -> None:
    trigger = make_trigger(auth_type=auth_type, secrets=(make_secret(),))
    result = authenticate(trigger, request=make_request(*headers), body=b"", now=now)
    assert result == NotAuthentic(reason=reason)


def test_a_blank_or_short_secret_opens_nothing(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime
) -> None:
    for auth_type, secret, header in [
        (AuthType.API_KEY, b"", ("X-API-Key", "")),
        (AuthType.API_KEY, b"15-characters-x", ("X-API-Key", "15-characters-x")),
        (AuthType.HMAC, b"", ("X-Signature", _hmac("", b""))),
        (AuthType.HMAC, b"15-characters-x", ("X-Signature", _hmac("15-characters-x", b""))),
    ]:
        trigger = make_trigger(auth_type=auth_type, secrets=(make_secret(secret),))
        result = authenticate(trigger, request=make_request(header), body=b"", now=now)
        assert result == NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)


def test_secrets_do_not_show(make_trigger: Make, make_request: Make, make_secret: Make) -> None:
    assert "s3cret-s3cret-s3cret" not in repr(make_trigger(secrets=(make_secret(),)))
    assert "s3cret-s3cret-s3cret" not in repr(
        make_request(("X-API-Key", "s3cret-s3cret-s3cret"), query=(("key", "s3cret-s3cret-s3cret"),))
    )
