"""Tokens of a provider, whose keys are behind a URL."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from trigger_runtime.web.tokens import TokenSettings

pytestmark = pytest.mark.integration


async def test_the_keys_of_a_provider(
    start: Callable[..., Awaitable[Any]],
    database_url: str,
    unused_tcp_port: int,
    new_token: Callable[..., str],
    eventually: Any,
) -> None:
    """While they were never fetched everything works but reading, and then that does too, by itself."""
    key = ed25519.Ed25519PrivateKey.generate()
    url = f"http://127.0.0.1:{unused_tcp_port}/keys"
    recorder = await start(
        database_url, tokens=TokenSettings(jwt_jwks_url=url, jwt_algorithm=("EdDSA", "ES256"))
    )
    claims = jwt.decode(new_token(), options={"verify_signature": False})
    headers = {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='EdDSA', headers={'kid': 'a'})}"}

    async def only_keys_are_missing() -> bool:
        answer = await recorder.ask("GET", "/readyz")
        return answer.status == 503 and list(answer.json()["missing"]) == ["token keys"]

    await eventually(only_keys_are_missing)
    answer = await recorder.ask("GET", "/api/executions", headers=headers)
    assert (answer.status, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert answer.headers["Content-Type"].startswith("application/problem+json")

    public = {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "a"}

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response({"keys": [public]})

    app = web.Application()
    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        await recorder.ready()
        assert (await recorder.ask("GET", "/api/executions", headers=headers)).status == 200
        forged = base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()
        parts = headers["Authorization"].split(".")
        bad = {"Authorization": ".".join([*parts[:2], forged])}
        assert (await recorder.ask("GET", "/api/executions", headers=bad)).status == 401
        assert (await recorder.get("/api/executions")).status == 401
    finally:
        await runner.cleanup()
