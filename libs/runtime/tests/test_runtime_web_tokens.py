"""Tokens: what is not exactly right is a 401 that says nothing."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import make_mocked_request

from trigger_runtime.settings import Secret
from trigger_runtime.web.problem import ProblemError
from trigger_runtime.web.tokens import Principal, TokenSettings, TokenVerifier

SECRET = "a shared secret of more than 32 bytes"
VERIFIER = TokenVerifier(TokenSettings(jwt_secret=Secret(SECRET)))


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


def signed(payload: dict[str, Any], *, key: str = SECRET, **header: Any) -> str:
    """Sign by hand: PyJWT refuses to make most of what a forger would."""
    import hashlib
    import hmac

    parts = [{"alg": "HS256", "typ": "JWT", **header}, payload]
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = hmac.digest(key.encode(), head + b"." + body, hashlib.sha256)
    return b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def principal(authorization: str | None, *, scope: str = "triggers:write") -> Principal:
    headers = {} if authorization is None else {"Authorization": authorization}
    return VERIFIER.principal(make_mocked_request("GET", "/", headers=headers), scope=scope)


def test_a_good_token() -> None:
    assert principal(f"Bearer {signed(claims())}") == Principal("acme", "user-1", None)
    assert principal(f"bearer   {signed(claims(org=...))} ").workspace == "user-1"
    assert principal(f"Bearer {signed(claims(org=None))}").workspace == "user-1"
    made = jwt.encode(claims(aud=["other", "flowmaestro-triggers"]), SECRET, algorithm="HS256")
    assert principal(f"Bearer {made}").subject == "user-1"
    assert (
        principal(f"Bearer {signed(claims(exp=time.time() - 10, nbf=time.time() + 10))}").subject == "user-1"
    )


def test_scopes() -> None:
    token = signed(claims(scope="triggers:read  triggers:write"))
    assert principal(f"Bearer {token}").scopes == frozenset({"triggers:read", "triggers:write"})
    for scope in ("triggers:read", "", "triggers:writer"):
        with pytest.raises(ProblemError) as caught:
            principal(f"Bearer {signed(claims(scope=scope))}")
        assert (caught.value.status, caught.value.code) == (403, "scope_missing")


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
        "Bearer " + base64.urlsafe_b64encode(b'{"a":' * 2000).decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b"[]").decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'"x"').decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b"1" * 6000).decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":["HS256"]}').decode() + ".e30.x",
        "Bearer " + base64.urlsafe_b64encode(b'{"alg":null}').decode() + ".e30.x",
        "Bearer \x00",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_token(authorization: str | None) -> None:
    refused(authorization)


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
    {"exp": time.time() - 60},
    {"exp": float("inf")},
    {"exp": float("nan")},
    {"exp": [1]},
    {"exp": -1},
    {"nbf": time.time() + 300},
    {"nbf": "x"},
    {"nbf": float("inf")},
    {"iat": time.time() + 300},
    {"iat": {}},
    {"iss": ...},
    {"iss": "somebody"},
    {"iss": ["flowmaestro"]},
    {"aud": ...},
    {"aud": "other"},
    {"aud": []},
    {"aud": [5]},
    {"aud": {"flowmaestro-triggers": 1}},
    {"scope": ["triggers:write"]},
    {"scope": 5},
    {"scope": {"triggers:write": True}},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=repr)
def test_claims_that_are_not_right(changes: dict[str, Any]) -> None:
    refused(f"Bearer {signed(claims(**changes))}")


def test_forged_signatures() -> None:
    good = signed(claims())
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(org="evil")).encode()).rstrip(b"=").decode()
    for token in (
        signed(claims(), key="another secret of more than 32 bytes"),
        signed(claims(), alg="none"),
        signed(claims(), alg="None"),
        signed(claims(), alg="RS256"),
        signed(claims(), alg="HS512"),
        signed(claims(), alg="hs256"),
        signed(claims(), alg=""),
        signed(claims(), crit=["exp"]),
        signed(claims(), b64=False),
        signed(claims(), kid=5),
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
        refused(f"Bearer {token}")


def refused(authorization: str | None) -> None:
    with pytest.raises(ProblemError) as caught:
        principal(authorization)
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


@pytest.mark.parametrize(
    ("algorithm", "secret", "problems"),
    [
        ("HS256", "x" * 31, 1),
        ("HS256", "ü" * 16, 0),
        ("HS512", "x" * 63, 1),
        ("HS384", "x" * 48, 0),
        ("none", "x" * 40, 1),
        ("RS256", "short", 2),
    ],
)
def test_settings(algorithm: str, secret: str, problems: int) -> None:
    def make() -> TokenSettings:
        return TokenSettings(jwt_secret=Secret(secret), jwt_algorithm=algorithm)

    if not problems:
        make()
        return
    with pytest.raises(ValueError) as caught:
        make()
    assert len(str(caught.value).splitlines()) == problems
    assert secret not in str(caught.value)
