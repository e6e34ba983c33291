"""The order of the checks: the address, enabled, authentic, method, origin, then the body and the key."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from trigger_contracts.config import AuthType, HttpMethod
from trigger_contracts.deliveries import RejectionReason as Reason
from webhook_ingress.domain.admission import Accepted, Rejected, decide_admission, rejected, trigger_at
from webhook_ingress.domain.request import BodyProblem
from webhook_ingress.domain.trigger import DeletedTrigger

Make = Callable[..., Any]

KEY = ("X-API-Key", "s3cret-s3cret-s3cret")
BAD_ORIGIN = ("Origin", "https://evil.example")
BAD_KEY = ("Idempotency-Key", "x" * 256)

BASIC = b"shop:s3cret-s3cret-s3cret"


def test_the_address_decides_before_all_else(make_trigger: Make, make_request: Make) -> None:
    trigger: Any = make_trigger(enabled=False)
    deleted = DeletedTrigger(
        id=trigger.id, workspace="acme", workflow_id=trigger.workflow_id, name="gone", version=4
    )
    at, beside = make_request(), msgspec.structs.replace(make_request(), is_nearby=True)
    assert trigger_at(trigger, request=at) == trigger
    assert trigger_at(trigger, request=beside) == rejected(Reason.PATH_UNKNOWN)
    for request in (at, beside):
        assert trigger_at(None, request=request) == rejected(Reason.UNKNOWN_TRIGGER)
        assert trigger_at(deleted, request=request) == rejected(Reason.TRIGGER_DELETED)


@pytest.mark.parametrize("auth_type", list(AuthType))
def test_the_first_failing_check_decides(
    make_trigger: Make, make_request: Make, make_secret: Make, now: datetime, auth_type: AuthType
) -> None:
    """Everything is wrong at once, and is put right one by one."""
    config = {
        "auth_type": auth_type,
        "allowed_origins": ("https://good.example",),
        "require_signature": False,
    }
    secret = make_secret(BASIC) if auth_type is AuthType.BASIC else make_secret()
    known = {
        AuthType.NONE: [],
        AuthType.API_KEY: [KEY],
        AuthType.BEARER: [("Authorization", "Bearer s3cret-s3cret-s3cret")],
        AuthType.BASIC: [("Authorization", f"Basic {b64encode(BASIC).decode()}")],
        AuthType.HMAC: [],
    }[auth_type]
    wrong = [("X-Signature", "sha256=")] if auth_type is AuthType.HMAC else []
    trigger = make_trigger(secrets=(secret,), **config)
    off = make_trigger(secrets=(secret,), enabled=False, **config)

    def verdict(trigger: Any, *headers: tuple[str, str], method: str = "PUT", body: Any = b"") -> Any:
        request = make_request(*headers, method=method)
        return decide_admission(trigger, request=request, body=body, now=now)

    slow = BodyProblem.TOO_LARGE
    bad = (BAD_ORIGIN, BAD_KEY)
    assert verdict(off, *wrong, *bad, body=slow) == rejected(Reason.TRIGGER_DISABLED)
    if auth_type is not AuthType.NONE:
        refused = verdict(trigger, *wrong, *bad, body=b"" if auth_type is AuthType.HMAC else slow)
        assert refused.status == 401
    readable = b"" if auth_type is AuthType.HMAC else slow
    assert verdict(trigger, *known, *bad, body=readable) == rejected(Reason.METHOD_NOT_ALLOWED)
    assert verdict(trigger, *known, *bad, method="POST", body=readable) == rejected(Reason.ORIGIN_NOT_ALLOWED)
    assert verdict(trigger, *known, BAD_KEY, method="POST", body=slow) == rejected(Reason.BODY_TOO_LARGE)
    assert verdict(trigger, *known, BAD_KEY, method="POST") == rejected(Reason.MALFORMED_REQUEST)
    accepted = verdict(trigger, *known, ("Idempotency-Key", "k 1"), method="POST")
    assert isinstance(accepted, Accepted)
    assert accepted.idempotency_key == "k 1"
    is_unsigned = auth_type in {AuthType.NONE, AuthType.HMAC}
    assert accepted.secret_id == (None if is_unsigned else secret.id)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (BodyProblem.TOO_LARGE, Rejected(reason=Reason.BODY_TOO_LARGE, status=413)),
        (BodyProblem.INCOMPLETE, Rejected(reason=Reason.BODY_INCOMPLETE, status=400)),
        (BodyProblem.TOO_SLOW, Rejected(reason=Reason.BODY_INCOMPLETE, status=408)),
    ],
)
def test_a_body_that_was_not_read_is_refused(
    make_trigger: Make, make_request: Make, now: datetime, problem: BodyProblem, expected: Rejected
) -> None:
    for auth_type in (AuthType.NONE, AuthType.HMAC):
        trigger = make_trigger(auth_type=auth_type)
        assert decide_admission(trigger, request=make_request(), body=problem, now=now) == expected


@pytest.mark.parametrize("own_method", list(HttpMethod))
def test_only_the_triggers_own_method_starts_it(
    make_trigger: Make, make_request: Make, now: datetime, own_method: HttpMethod
) -> None:
    trigger = make_trigger(method=own_method)
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "post", "TRACE"]:
        verdict = decide_admission(trigger, request=make_request(method=method), body=b"", now=now)
        assert isinstance(verdict, Accepted) is (method == own_method)


@pytest.mark.parametrize("keys", [[""], ["\x1f"], ["caf\xe9"], ["\udcff"], ["a", "a"], ["x" * 256]])
def test_a_malformed_idempotency_key_is_refused(
    make_trigger: Make, make_request: Make, now: datetime, keys: list[str]
) -> None:
    request = make_request(*(("Idempotency-Key", key) for key in keys))
    verdict = decide_admission(make_trigger(), request=request, body=b"", now=now)
    assert verdict == rejected(Reason.MALFORMED_REQUEST)


def test_every_reason_has_a_status_and_only_ours_asks_to_try_again() -> None:
    ours = {Reason.SECRET_UNAVAILABLE, Reason.NOT_SUPPORTED}
    assert {reason for reason in Reason if rejected(reason).status >= 500} == ours
    assert {rejected(reason).status for reason in ours} == {503}
    no_refusals = {
        *(Reason.HANDSHAKE, Reason.PROBE, Reason.REPEATED),
        *(Reason.FILTERED, Reason.CONDITION_FAILED),
    }
    assert {reason for reason in Reason if rejected(reason).status < 400} == no_refusals
