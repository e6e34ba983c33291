"""Tokens: what is not exactly right is a 401 that says nothing."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from trigger_runtime.metrics import Metrics
from trigger_runtime.settings import Secret
from trigger_runtime.web.problem import ProblemError
from trigger_runtime.web.tokens import (
    MAX_CACHED_SECONDS,
    Principal,
    TokenCache,
    TokenSettings,
    TokenVerifier,
    Verified,
)

SECRET = "a shared secret of more than 32 bytes"


def verifier_of(**changes: Any) -> TokenVerifier:
    now = changes.pop("now", time.time)
    settings = TokenSettings(jwt_secret=Secret(SECRET), **changes)
    return TokenVerifier(settings, metrics=Metrics(), now=now)


VERIFIER = verifier_of()


def claims(**changes: Any) -> dict[str, Any]:
    made = {
        "sub": "user-1",
        "org": "acme",
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": time.time() + 300,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not ...}


def signed(payload: Any, *, key: str = SECRET, **header: Any) -> str:
    """Sign by hand: PyJWT refuses to make most of what a forger would."""
    import hashlib
    import hmac

    parts = [{"alg": "HS256", "typ": "JWT", **header}, payload]
    head, body = (
        base64.urlsafe_b64encode(
            part if isinstance(part, bytes) else json.dumps(part).encode(),
        ).rstrip(b"=")
        for part in parts
    )
    signature = hmac.digest(key.encode(), head + b"." + body, hashlib.sha256)
    return b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def principal(
    *authorization: str, scope: str = "triggers:write", verifier: TokenVerifier = VERIFIER
) -> Principal:
    headers = CIMultiDict([("Authorization", value) for value in authorization])
    return await verifier.principal(make_mocked_request("GET", "/", headers=headers), scope=scope)


async def test_a_good_token() -> None:
    assert await principal(f"Bearer {signed(claims())}") == Principal("acme", "user-1", None)
    assert (await principal(f"bearer   {signed(claims(org=...))} ")).workspace == "user-1"
    assert (await principal(f"Bearer {signed(claims(org=None))}")).workspace == "user-1"
    made = jwt.encode(claims(aud=["other", "flowmaestro-triggers"]), SECRET, algorithm="HS256")
    assert (await principal(f"Bearer {made}")).subject == "user-1"
    late = signed(claims(exp=time.time() - 10, nbf=time.time() + 10, iat=time.time() + 10))
    assert (await principal(f"Bearer {late}")).subject == "user-1"
    assert (await principal(f"Bearer {signed(claims(), kid='any')}")).subject == "user-1"


@pytest.mark.parametrize("claim", ["scope", "scp", "scopes", "permissions"])
async def test_scopes(claim: str) -> None:
    both = frozenset({"triggers:read", "triggers:write"})
    forms: list[Any] = ["triggers:read  triggers:write", ["triggers:read", "triggers:write"]]
    for value in forms:
        assert (await principal(f"Bearer {signed(claims(**{claim: value}))}")).scopes == both
    for value in ("triggers:read", "", "triggers:writer"):
        with pytest.raises(ProblemError) as caught:
            await principal(f"Bearer {signed(claims(**{claim: value}))}")
        assert (caught.value.status, caught.value.code) == (403, "scope_missing")
        assert f"in its claim {claim}" in str(caught.value.detail)


async def test_the_registered_claim_of_scopes_goes_before_the_others() -> None:
    token = signed(claims(scope="triggers:read", scp=["triggers:write"], scopes="triggers:write"))
    assert (await principal(f"Bearer {token}", scope="triggers:read")).scopes == frozenset({"triggers:read"})


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer not.a.token",
        "Bearer ...",
        "Bearer ünïcödé.ünïcödé.ünïcödé",
        "Bearer " + "." * 5000,
        "Bearer " + "a" * 5000,
        "Bearer a.e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"a":' * 2000).decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":"HS256","a":' + b"[" * 3000).decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b"[]").decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'"x"').decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b"1" * 6000).decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":["HS256"]}').decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":null}').decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":"HS256\xff"}').decode() + ".e30.x",
        "Bearer \x00",
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_what_is_no_token(authorization: str | None) -> None:
    await refused(*([] if authorization is None else [authorization]))


async def test_more_than_one_authorization() -> None:
    good = f"Bearer {signed(claims())}"
    await principal(good)
    await refused(good, good)
    await refused(good, "Basic dXNlcjpwYXNz")
    await refused("", good)
    await refused(f"{good}, {good}")
    await refused(f"{good} {good}")


BAD_CLAIMS: list[dict[str, Any]] = [
    {"sub": ...},
    {"sub": ""},
    {"sub": 5},
    {"sub": ["user-1"]},
    {"sub": None},
    {"sub": "nul\x00"},
    {"sub": "x" * 300},
    {"org": 5},
    {"org": ""},
    {"org": ["acme"]},
    {"org": {"a": 1}},
    {"org": False},
    {"org": "line\nbreak"},
    {"exp": ...},
    {"exp": None},
    {"exp": "soon"},
    {"exp": str(int(time.time()) + 300)},
    {"exp": True},
    {"exp": time.time() - 60},
    {"exp": float("inf")},
    {"exp": float("nan")},
    {"exp": 10**400},
    {"exp": [1]},
    {"exp": -1},
    {"nbf": time.time() + 36_000},
    {"nbf": "x"},
    {"nbf": None},
    {"nbf": float("inf")},
    {"iat": time.time() + 36_000},
    {"iat": {}},
    {"iat": None},
    {"iss": ...},
    {"iss": "somebody"},
    {"iss": "flowmaestro "},
    {"iss": ["flowmaestro"]},
    {"aud": ...},
    {"aud": "other"},
    {"aud": "flowmaestro-triggers-too"},
    {"aud": []},
    {"aud": [5]},
    {"aud": ["flowmaestro-triggers", 5]},
    {"aud": {"flowmaestro-triggers": 1}},
    {"jti": 5},
    {"scope": ["triggers:write", 5]},
    {"scope": 5},
    {"scope": None},
    {"scope": {"triggers:write": True}},
    {"scp": None},
    {"permissions": 5},
    {"scope": "triggers:write", "permissions": None},
    {"scp": ["triggers:write", 5]},
    {"scp": {"triggers:write": True}},
    {"scopes": 5},
    {"scope": "triggers:write", "scopes": 5},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids="-".join)
async def test_claims_that_are_not_right(changes: dict[str, Any]) -> None:
    await refused(f"Bearer {signed(claims(**changes))}")


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[]", b"null", b"5", b'"x"', b"{}", b'{"sub":"\xff"}', b"[" * 3000, b'{"a":' * 1000],
    ids=repr,
)
async def test_payloads_that_are_no_claims(payload: bytes) -> None:
    await refused(f"Bearer {signed(payload)}")


async def test_forged_signatures() -> None:
    good = signed(claims())
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(org="evil")).encode()).rstrip(b"=").decode()
    for token in (
        signed(claims(), key="another secret of more than 32 bytes"),
        *(
            signed(claims(), alg=alg)
            for alg in ("none", "None", "NONE", "nOnE", "RS256", "HS512", "hs256", "")
        ),
        signed(claims(), crit=["exp"]),
        signed(claims(), crit=["b64"], b64=True),
        signed(claims(), crit=[]),
        signed(claims(), crit=None),
        signed(claims(), b64=False),
        signed(claims(), kid=5),
        signed(claims(), kid=None),
        jwt.encode(claims(), "", algorithm="none"),
        jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
        jwt.encode(claims(), SECRET * 2, algorithm="HS256"),
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{other}.{signature}",
        f"{good}.{signature}",
        f"{head}.{body}.{signature[:-4]}",
        good + "=",
        good + "é",
    ):
        await refused(f"Bearer {token}")


async def refused(*authorization: str, verifier: TokenVerifier = VERIFIER) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await principal(*authorization, verifier=verifier)
    problem = caught.value
    assert (problem.status, problem.code) == (401, "unauthenticated")
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")
    said = problem.document(request_id="r").decode()
    assert SECRET not in said
    assert problem.detail in {
        "The token is not valid.",
        "The token has expired.",
        "Send a token: Authorization: Bearer <jwt>.",
    }
    assert problem.__cause__ is None
    return problem


async def test_several_algorithms_of_the_secret() -> None:
    verifier = TokenVerifier(
        TokenSettings(jwt_secret=Secret(SECRET * 2), jwt_algorithm=("HS256", "HS512")), metrics=Metrics()
    )
    for algorithm in ("HS256", "HS512"):
        made = jwt.encode(claims(), SECRET * 2, algorithm=algorithm)
        assert (await principal(f"Bearer {made}", verifier=verifier)).subject == "user-1"
    await refused(f"Bearer {jwt.encode(claims(), SECRET * 2, algorithm='HS384')}", verifier=verifier)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_time_is_looked_at_on_every_call() -> None:
    clock = Clock()
    verifier = verifier_of(now=clock, jwt_leeway_seconds=5)
    token = f"Bearer {signed(claims(exp=clock.now + 20, nbf=clock.now - 5, iat=clock.now - 7))}"
    for moment, expected in (
        (-10.1, "The token is not valid."),
        (-9.9, None),
        (0.0, None),
        (24.9, None),
        (25.0, "The token has expired."),
        (24.9, None),
        (-10.1, "The token is not valid."),
        (-1e6, "The token is not valid."),
        (1e9, "The token has expired."),
    ):
        clock.now = 1_000_000.0 + moment
        if expected is None:
            assert (await principal(token, verifier=verifier)).subject == "user-1"
        else:
            assert (await refused(token, verifier=verifier)).detail == expected


async def test_no_leeway() -> None:
    clock = Clock()
    verifier = verifier_of(now=clock, jwt_leeway_seconds=0)
    await principal(f"Bearer {signed(claims(exp=clock.now + 0.5, nbf=clock.now))}", verifier=verifier)
    await refused(f"Bearer {signed(claims(exp=clock.now))}", verifier=verifier)
    await refused(f"Bearer {signed(claims(exp=clock.now + 9, iat=clock.now + 0.5))}", verifier=verifier)


async def test_a_remembered_token_is_not_verified_again_for_a_minute(monkeypatch: Any) -> None:
    clock = Clock()
    verifier = verifier_of(now=clock)
    seen: list[float] = []
    decode = jwt.PyJWS.decode

    def counted(*arguments: Any, **options: Any) -> Any:
        seen.append(clock.now)
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt.PyJWS, "decode", counted)
    token = f"Bearer {signed(claims(exp=clock.now + 1000, scope='triggers:read'))}"
    for _ in range(3):
        assert (await principal(token, scope="triggers:read", verifier=verifier)).workspace == "acme"
        with pytest.raises(ProblemError) as caught:
            await principal(token, scope="triggers:write", verifier=verifier)
        assert caught.value.status == 403
    assert seen == [1_000_000.0]
    for step in (59.9, 0.2, 59.9):
        clock.now += step
        await principal(token, scope="triggers:read", verifier=verifier)
    assert len(seen) == 2
    for _ in range(2):
        await refused(token[:-2], verifier=verifier)
    assert len(seen) == 4, "a refused token is not remembered"


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    cache = TokenCache(max_entries=3)
    verified = Verified(Principal("w", "s", None), 0.0, 100.0)
    for token in (b"1", b"2", b"3"):
        cache.put(token, verified=verified, now=1.0, key_generation=0)
    assert cache.get(b"1", now=2.0, key_generation=0) is verified.principal
    cache.put(b"4", verified=verified, now=1.0, key_generation=0)
    held = [token for token in (b"1", b"2", b"3", b"4") if cache.get(token, now=2.0, key_generation=0)]
    assert held == [b"1", b"3", b"4"]
    assert cache.get(b"1", now=2.0, key_generation=1) is None
    assert cache.get(b"3", now=0.9, key_generation=0) is None
    assert cache.get(b"4", now=1.0 + MAX_CACHED_SECONDS, key_generation=0) is None
    assert len(cache) == 0
