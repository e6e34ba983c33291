"""Tokens of a provider: its key set on a real server that rotates, withdraws, lies, hangs and goes away."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jwt
import pytest
import structlog
from aiohttp import ClientSession, web
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from trigger_runtime.lifecycle import Readiness, Service
from trigger_runtime.metrics import Metrics
from trigger_runtime.web.application import json_response, new_application
from trigger_runtime.web.key_set import MAX_DOCUMENT_BYTES, FetchSchedule, KeySet
from trigger_runtime.web.listener import HttpListener
from trigger_runtime.web.problem import ProblemError
from trigger_runtime.web.tokens import TokenSettings, TokenVerifier

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS: dict[str, Any] = {
    "RS256": RSA_KEY,
    "RS512": RSA_KEY,
    "PS256": RSA_KEY,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
# Nothing but what a test asks for; and as often as can be.
SELDOM = FetchSchedule(least_interval=3600.0)
OFTEN = FetchSchedule(
    refresh=0.02, least_interval=3600.0, timeout=0.5, longest_pause=0.05, longest_pause_without_keys=0.05
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def jwk(key: Any, kid: str | None = None, **members: Any) -> dict[str, Any]:
    public = key.public_key()
    match public:
        case rsa.RSAPublicKey():
            made = RSAAlgorithm.to_jwk(public, as_dict=True)
        case ec.EllipticCurvePublicKey():
            made = ECAlgorithm.to_jwk(public, as_dict=True)
        case _:
            made = OKPAlgorithm.to_jwk(public, as_dict=True)
    made.pop("key_ops", None)
    return {**made, **({} if kid is None else {"kid": kid}), **members}


def token(
    key: Any = RSA_KEY, kid: str | None = "one", *, alg: str = "RS256", header: Any = None, **claims: Any
) -> str:
    made = {
        "sub": "user-1",
        "org": "acme",
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": time.time() + 300,
        **claims,
    }
    made = {name: value for name, value in made.items() if value is not ...}
    headers = {**({} if kid is None else {"kid": kid}), **(header or {})}
    return jwt.PyJWS().encode(json.dumps(made).encode(), key, algorithm=alg, headers=headers)


class Provider:
    """Serves a key set, and counts what it is asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.answer: Answer | None = None
        self.asked: list[str] = []
        self.port = 0
        self._seen = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    @property
    def fetches(self) -> int:
        return self.asked.count("/jwks")

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def fetched_again(self, *, times: int = 2) -> None:
        """Wait for that many fetches to begin. One before the last has been answered as things are now."""
        wanted = self.fetches + times
        while self.fetches < wanted:
            self._seen.clear()
            await self._seen.wait()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self._seen.set()
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"keys": self.keys})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    await provider.start()
    yield provider
    await provider.stop()


class Clock:
    """The clock of the fetches: a test may let time pass."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed


class Verifier:
    """A verifier and its key set, started."""

    def __init__(self, verifier: TokenVerifier, *, metrics: Metrics, clock: Clock) -> None:
        self.clock = clock
        self.verifier = verifier
        self.metrics = metrics
        (self.keys,) = verifier.key_sets

    async def accepts(self, token: str) -> None:
        assert (await self._principal(token)).workspace == "acme"

    async def refuses(self, *tokens: str, status: int = 401) -> ProblemError:
        with pytest.raises(ProblemError) as caught:
            await self._principal(*tokens)
        problem = caught.value
        assert problem.status == status, problem
        if status == 401:
            assert (problem.code, problem.detail) in {
                ("unauthenticated", "The token is not valid."),
                ("unauthenticated", "The token has expired."),
                ("unauthenticated", "Send a token: Authorization: Bearer <jwt>."),
            }
            assert problem.headers["WWW-Authenticate"].startswith("Bearer")
        return problem

    async def _principal(self, token: str) -> Any:
        request = make_mocked_request("GET", "/", headers={"Authorization": f"Bearer {token}"})
        return await self.verifier.principal(request, scope="triggers:read")

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


Start = Callable[..., Awaitable[Verifier]]


@pytest.fixture
async def start(provider: Provider, eventually: Any) -> AsyncIterator[Start]:
    """Starts a verifier of the provider's tokens, and waits for its keys unless it is to come ``empty``."""
    started: list[KeySet] = []

    async def begin(*algorithms: str, schedule: FetchSchedule = SELDOM, empty: str = "") -> Verifier:
        settings = TokenSettings(jwt_jwks_url=provider.url, jwt_algorithm=algorithms or ("RS256",))
        metrics = Metrics()
        clock = Clock()
        made = Verifier(
            TokenVerifier(settings, metrics=metrics, schedule=schedule, monotonic=clock),
            metrics=metrics,
            clock=clock,
        )
        await made.keys.start()
        started.append(made.keys)

        def is_as_wanted() -> bool:
            trouble = made.keys.check()
            return trouble is None if not empty else empty in (trouble or "")

        await eventually(is_as_wanted)
        return made

    yield begin
    for keys in started:
        await keys.stop()


@pytest.mark.parametrize("alg", sorted(KEYS))
async def test_a_good_token(start: Start, provider: Provider, alg: str) -> None:
    provider.keys = [jwk(KEYS[alg], "one"), jwk(OTHER_RSA_KEY, "two", use="enc"), {"kty": "unheard-of"}]
    verifier = await start(alg)
    good = token(KEYS[alg], alg=alg)
    for _ in range(3):
        await verifier.accepts(good)
    head, body, signature = good.split(".")
    forged = base64.urlsafe_b64encode(b'{"sub":"root"}').rstrip(b"=").decode()
    await verifier.refuses(f"{head}.{forged}.{signature}")
    await verifier.refuses(f"{head}.{body}.{signature[:-8]}AAAAAAAA")
    await verifier.refuses(f"{head}.{body}.AA")
    assert provider.fetches == 1
    assert verifier.metric("token_key_set_fetches_total", outcome="fetched") == 1
    assert time.time() - verifier.metric("token_key_set_fetched_timestamp_seconds") < 60


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"iss": ...},
        {"aud": "other"},
        {"aud": ...},
        {"sub": ...},
        {"sub": 5},
        {"sub": ""},
        {"exp": ...},
        {"exp": time.time() - 60},
        {"nbf": time.time() + 36_000},
        {"iat": time.time() + 36_000},
        {"scp": 5},
    ],
    ids="-".join,
)
async def test_claims_that_are_not_right(start: Start, provider: Provider, claims: dict[str, Any]) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    await verifier.accepts(token())
    await verifier.refuses(token(**claims))


def _hmac_token(secret: bytes, **header: Any) -> str:
    claims = {
        "sub": "user-1",
        "org": "acme",
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": time.time() + 300,
    }
    parts = [{"kid": "one", "typ": "JWT", **header}, claims]
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    digest = hmac.digest(secret, head + b"." + body, hashlib.sha256)
    return b".".join([head, body, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()


async def test_another_algorithm_than_the_pinned(start: Start, provider: Provider) -> None:
    elliptic = KEYS["ES256"]
    secret = base64.urlsafe_b64encode(b"x" * 32).decode()
    provider.keys = [
        jwk(RSA_KEY, "one"),
        jwk(elliptic, "elliptic"),
        {"kty": "oct", "kid": "oct", "alg": "HS256", "use": "sig", "k": secret},
    ]
    verifier = await start()
    public = RSA_KEY.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        json.dumps(provider.keys[0]).encode(),
        provider.keys[0]["n"].encode(),
        b"",
    ]
    for key in secrets:
        for alg in ("HS256", "RS256", "hs256", "none"):
            await verifier.refuses(_hmac_token(key, alg=alg))
    await verifier.refuses(_hmac_token(b"x" * 32, alg="HS256", kid="oct"))
    for alg in ("none", "None", "NONE", "nOnE", "", " none", "none\x00"):
        head, body, signature = _hmac_token(b"x", alg=alg).split(".")
        await verifier.refuses(f"{head}.{body}.{signature}")
        await verifier.refuses(f"{head}.{body}.")
        await verifier.refuses(f"{head}.{body}")
    await verifier.refuses(token(elliptic, "elliptic", alg="ES256"))
    await verifier.refuses(token(RSA_KEY, alg="RS512"))
    await verifier.refuses(token(RSA_KEY, alg="PS256"))
    assert provider.fetches == 1


async def test_a_key_verifies_only_with_its_own_algorithm(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one", alg="RS256"), jwk(KEYS["ES256"], "two"), jwk(KEYS["ES384"], "three")]
    verifier = await start("RS256", "PS256", "ES256", "ES384", "EdDSA")
    await verifier.accepts(token())
    await verifier.accepts(token(KEYS["ES256"], "two", alg="ES256"))
    await verifier.refuses(token(alg="PS256"))
    await verifier.refuses(token(KEYS["ES256"], "one", alg="ES256"))
    await verifier.refuses(token(KEYS["ES384"], "two", alg="ES384"))
    await verifier.refuses(token(RSA_KEY, "two"))
    assert provider.fetches == 1


async def test_tokens_without_a_key_id(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY), jwk(KEYS["ES256"], "elliptic")]
    verifier = await start("RS256", "ES256", schedule=OFTEN)
    await verifier.accepts(token(kid=None))
    await verifier.accepts(token(KEYS["ES256"], None, alg="ES256"))
    await verifier.refuses(token(kid="one"))
    provider.keys = [jwk(RSA_KEY, "one"), jwk(OTHER_RSA_KEY, "two")]
    await provider.fetched_again()
    await verifier.refuses(token(kid=None))
    await verifier.refuses(token(OTHER_RSA_KEY, kid=None))
    await verifier.accepts(token(kid="one"))
    provider.keys = [jwk(RSA_KEY, "one"), jwk(OTHER_RSA_KEY, "one"), jwk(KEYS["ES256"], "elliptic")]
    await provider.fetched_again()
    await verifier.refuses(token(kid="one", jti="not remembered"))
    await verifier.refuses(token(OTHER_RSA_KEY, kid="one"))


async def test_headers_that_say_whom_to_trust(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    evil = jwk(OTHER_RSA_KEY, "evil")
    elsewhere = provider.url.replace("/jwks", "/evil")
    for kid in ("one", "evil"):
        for header in (
            {"jku": elsewhere},
            {"x5u": elsewhere},
            {"jwk": evil},
            {"jwk": evil, "jku": elsewhere, "x5u": elsewhere, "x5c": ["AAAA"], "x5t": "AAAA"},
            {"kid": elsewhere},
            {"crit": ["exp"]},
        ):
            await verifier.refuses(token(OTHER_RSA_KEY, kid, header=header))
    await verifier.accepts(token(header={"jku": elsewhere, "jwk": evil}))
    await verifier.refuses(token(header={"crit": ["b64"], "b64": True}))
    assert provider.asked == ["/jwks"]


async def test_a_new_key_is_fetched_once_when_its_first_token_comes(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    provider.keys = [jwk(RSA_KEY, "one"), jwk(OTHER_RSA_KEY, "two")]
    new = token(OTHER_RSA_KEY, "two")
    # Too soon after the last fetch, for strangers choose key ids.
    await verifier.refuses(new)
    assert provider.fetches == 1
    verifier.clock.passed += 3600
    await asyncio.gather(*(verifier.accepts(new) for _ in range(50)))
    await verifier.accepts(token())
    assert provider.fetches == 2


async def test_who_comes_while_the_set_is_fetched_waits_for_it(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    verifier.clock.passed += 3600
    held = asyncio.Event()

    async def hold(_request: web.Request) -> web.StreamResponse:
        await held.wait()
        return web.json_response({"keys": [jwk(OTHER_RSA_KEY, "two")]})

    provider.answer = hold
    first = asyncio.create_task(verifier.accepts(token(OTHER_RSA_KEY, "two")))
    await provider.fetched_again(times=1)
    second = asyncio.create_task(verifier.accepts(token(OTHER_RSA_KEY, "two", jti="second")))
    await asyncio.wait([second], timeout=0.05)
    held.set()
    await asyncio.gather(first, second)
    assert provider.fetches == 2


async def test_a_flood_of_unknown_key_ids(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    await asyncio.gather(*(verifier.refuses(token(OTHER_RSA_KEY, f"k{number}")) for number in range(100)))
    assert provider.fetches == 1
    verifier.clock.passed += 3600
    held = asyncio.Event()

    async def hold(_request: web.Request) -> web.StreamResponse:
        await held.wait()
        return web.json_response({"keys": provider.keys})

    provider.answer = hold
    waiting = [
        asyncio.create_task(verifier.refuses(token(OTHER_RSA_KEY, f"k{number}"))) for number in range(100)
    ]
    await provider.fetched_again(times=1)
    # Whoever names a key that is known does not wait for them.
    await verifier.accepts(token())
    assert not any(task.done() for task in waiting)
    held.set()
    await asyncio.gather(*waiting)
    assert provider.fetches == 2
    for number in range(100):
        await verifier.refuses(token(OTHER_RSA_KEY, f"n{number}"))
    assert provider.fetches == 2


async def test_a_withdrawn_key_verifies_nothing_any_more(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one"), jwk(OTHER_RSA_KEY, "two")]
    verifier = await start(schedule=OFTEN)
    remembered = token()
    await verifier.accepts(remembered)
    await provider.fetched_again()
    assert verifier.keys.generation == 1
    await verifier.accepts(remembered)
    provider.keys = [jwk(OTHER_RSA_KEY, "two")]
    await provider.fetched_again()
    await verifier.refuses(remembered)
    await verifier.accepts(token(OTHER_RSA_KEY, "two"))
    # The id goes on, the key does not.
    provider.keys = [jwk(OTHER_RSA_KEY, "one")]
    await provider.fetched_again()
    await verifier.refuses(remembered)
    await verifier.refuses(token())


async def test_a_provider_without_keys_lets_nobody_in(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(KEYS["ES256"], "one")]
    verifier = await start(schedule=OFTEN, empty="no key for RS256")
    await verifier.refuses(token(), status=503)
    provider.keys = [jwk(RSA_KEY, "one")]
    await provider.fetched_again()
    await verifier.accepts(token())
    provider.keys = []
    await provider.fetched_again()
    await verifier.refuses(token(), status=503)
    assert verifier.keys.check() == "the set has no key for RS256"


async def test_a_provider_that_is_away_at_first(start: Start, provider: Provider, eventually: Any) -> None:
    await provider.stop()
    verifier = await start(empty="ClientConnectorError")
    problem = await verifier.refuses(token(), status=503)
    assert (problem.code, problem.headers["Retry-After"]) == ("unavailable", "5")
    # What is no token of ours is told so all the same.
    await verifier.refuses("nonsense")
    await verifier.refuses(_hmac_token(b"x" * 32, alg="HS256"))
    provider.keys = [jwk(RSA_KEY, "one")]
    await provider.start()
    await eventually(lambda: verifier.keys.check() is None)
    await verifier.accepts(token())
    assert verifier.metric("token_key_set_fetches_total", outcome="failed") >= 1


async def _garbage(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>hidden</html>")


async def _no_set(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"jwks": []})


async def _huge(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": [jwk(RSA_KEY, "one")], "more": "x" * MAX_DOCUMENT_BYTES})


async def _compressed(_request: web.Request) -> web.StreamResponse:
    bomb = gzip.compress(b'{"keys":[]}' + b" " * 50_000_000)
    return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})


async def _broken(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="hidden")


async def _redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(str(request.url.with_path("/elsewhere")))


async def _to_file(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("file:///etc/passwd")


async def _never(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _slowly(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def _cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"keys": []')
    assert request.transport is not None
    request.transport.abort()
    return response


BAD_ANSWERS = [
    *(_garbage, _no_set, _huge, _compressed, _broken, _redirect, _to_file, _never, _slowly, _cut_off),
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: answer.__name__)
async def test_a_bad_answer_leaves_the_last_good_set(
    start: Start, provider: Provider, answer: Answer
) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start(schedule=OFTEN)
    with structlog.testing.capture_logs() as lines:
        provider.answer = answer
        await provider.fetched_again(times=3)
        await verifier.accepts(token())
        await verifier.refuses(token(OTHER_RSA_KEY, "two"))
        assert verifier.keys.check() is None
    told = [line for line in lines if line["event"] == "token keys not fetched"]
    assert told
    assert all(line["log_level"] == "warning" and line["age_seconds"] is not None for line in told)
    assert "hidden" not in repr(lines)
    assert set(provider.asked) == {"/jwks"}
    assert verifier.metric("token_key_set_fetches_total", outcome="failed") >= 2
    provider.answer, provider.keys = None, [jwk(OTHER_RSA_KEY, "two")]
    await provider.fetched_again()
    await verifier.accepts(token(OTHER_RSA_KEY, "two"))


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda answer: answer.__name__)
async def test_a_bad_answer_is_no_first_set(start: Start, provider: Provider, answer: Answer) -> None:
    provider.answer = answer
    verifier = await start(schedule=OFTEN, empty="could not be fetched")
    await verifier.refuses(token(), status=503)
    provider.answer, provider.keys = None, [jwk(RSA_KEY, "one")]
    await provider.fetched_again()
    await verifier.accepts(token())


async def test_a_defect_leaves_the_last_good_set(
    start: Start, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start(schedule=OFTEN)

    def defect(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as lines:
        monkeypatch.setattr("trigger_runtime.web.key_set.read_key_document", defect)
        await provider.fetched_again()
    await verifier.accepts(token())
    assert "token keys could not be read" in {line["event"] for line in lines}
    assert not verifier.keys.tasks()[0].done()


async def test_stopping_lets_nobody_wait(start: Start, provider: Provider) -> None:
    provider.keys = [jwk(RSA_KEY, "one")]
    verifier = await start()
    verifier.clock.passed += 3600
    provider.answer = _never
    waiting = asyncio.create_task(verifier.refuses(token(OTHER_RSA_KEY, "two")))
    await provider.fetched_again(times=1)
    await verifier.keys.stop()
    await waiting
    await verifier.refuses(token(OTHER_RSA_KEY, "three"))
    await verifier.accepts(token())


async def test_a_key_set_that_was_never_started(provider: Provider) -> None:
    settings = TokenSettings(jwt_jwks_url=provider.url, jwt_algorithm=("RS256",))
    metrics = Metrics()
    verifier = Verifier(TokenVerifier(settings, metrics=metrics), metrics=metrics, clock=Clock())
    await verifier.refuses(token(), status=503)
    assert verifier.keys.check() == "not fetched yet"
    assert list(verifier.keys.tasks()) == []
    await verifier.keys.stop()


async def test_over_http(provider: Provider, eventually: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A whole service: what strangers send, what they are answered, and what is told of it in logs."""
    caplog.set_level(logging.DEBUG)
    await provider.stop()
    metrics, readiness = Metrics(), Readiness()
    settings = TokenSettings(jwt_jwks_url=provider.url, jwt_algorithm=("RS256",))
    tokens = TokenVerifier(settings, metrics=metrics, schedule=FetchSchedule(longest_pause_without_keys=0.1))

    async def show(request: web.Request) -> web.Response:
        principal = await tokens.principal(request, scope="triggers:read")
        return json_response({"workspace": principal.workspace})

    for key_set in tokens.key_sets:
        readiness.require(key_set.name, key_set.check)
    application = new_application(
        routes=[web.get("/api/things", show)],
        readiness=readiness,
        metrics=metrics,
        error_map=lambda _error: None,
        max_body_bytes=1024,
    )
    listener = HttpListener(application, host="127.0.0.1", port=0)
    service = Service(
        "test", components=[*tokens.key_sets, listener], readiness=readiness, shutdown_seconds=5.0
    )
    said: list[str] = []
    sent = [
        token(),
        token(OTHER_RSA_KEY, "evil-key-id"),
        token(scope="other"),
        token(iss="evil-issuer"),
        _hmac_token(b"x", alg="HS256"),
        "evil-nonsense",
    ]
    with structlog.testing.capture_logs() as lines:
        await service.start()
        async with ClientSession() as session:

            async def ask(*given: str, path: str = "/api/things") -> tuple[int, Any]:
                headers = [("Authorization", f"Bearer {value}") for value in given]
                async with session.get(f"http://127.0.0.1:{listener.port}{path}", headers=headers) as answer:
                    text = await answer.text()
                    said.append(f"{answer.headers} {text}")
                    return answer.status, json.loads(text)

            status, body = await ask(sent[0])
            assert (status, body["code"]) == (503, "unavailable")
            assert "Retry-After" in said[-1]
            assert "application/problem+json" in said[-1]
            status, body = await ask(path="/readyz")
            assert (status, list(body["missing"])) == (503, ["token keys"])
            assert (await ask())[0] == 401
            provider.keys = [jwk(RSA_KEY, "one")]
            await provider.start()
            await eventually(lambda: not readiness.missing())
            assert [(await ask(given))[0] for given in sent] == [200, 401, 403, 401, 401, 401]
            assert (await ask(sent[0], sent[0]))[0] == 401
            assert (await ask(path="/readyz"))[0] == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(
            b"GET /api/things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe.\xc3\xa4.x\r\n\r\n"
        )
        assert b" 401 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        await service.stop()
    told = [*said, repr(lines), caplog.text]
    secrets = [part for given in sent for part in given.split(".") if len(part) > 8]
    secrets += ["evil", provider.keys[0]["n"], "somebody"]
    assert not [(secret, text) for secret in secrets for text in told if secret in text]
