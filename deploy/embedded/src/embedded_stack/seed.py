"""Creates the sample through the public API, once; later starts create only what is missing."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from embedded_stack.private_files import write_private
from embedded_stack.sample import TRIGGERS, WORKFLOWS, KeptSample, SampleTrigger

_KNOWN_WITHIN_SECONDS = 30.0
_POLL_SECONDS = 0.05


class SeedError(RuntimeError):
    """The API refused the sample, or did not take it in time."""


async def seed(base_url: str, *, token: str, kept: Path) -> KeptSample:
    """Returns the sample that is there now, with what was missing created again. Raises SeedError.

    `kept` is written after each creation, so that an interrupted run creates nothing twice.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with aiohttp.ClientSession(base_url, headers=headers) as session:
            sample = await _Seeding(session, kept=kept).run()
            await _until_ingress_has(session, trigger_id=sample.triggers["webhook"])
            return sample
    except aiohttp.ClientError as error:
        raise SeedError(f"the API does not respond: {error}") from error


class _Seeding:
    def __init__(self, session: aiohttp.ClientSession, *, kept: Path) -> None:
        self._session = session
        self._kept = kept
        try:
            self._sample = msgspec.json.decode(kept.read_bytes(), type=KeptSample)
        except (FileNotFoundError, msgspec.MsgspecError):
            self._sample = KeptSample()

    async def run(self) -> KeptSample:
        for key, workflow in WORKFLOWS.items():
            if await self._get("workflows", self._sample.workflows.get(key)) is None:
                made = await self._post("workflows", workflow)
                self._keep(workflows={**self._sample.workflows, key: made["id"]})
        for key, trigger in TRIGGERS.items():
            if not await self._has(key, trigger=trigger):
                await self._create(key, trigger=trigger)
        return self._sample

    async def _has(self, key: str, *, trigger: SampleTrigger) -> bool:
        if trigger.kind == "webhook" and self._sample.webhook_secret is None:
            return False
        stored = await self._get("triggers", self._sample.triggers.get(key))
        return stored is not None and stored["workflowId"] == self._sample.workflows[trigger.workflow]

    async def _create(self, key: str, *, trigger: SampleTrigger) -> None:
        made = await self._post(
            "triggers",
            {
                "workflowId": self._sample.workflows[trigger.workflow],
                "name": trigger.name,
                "triggerType": trigger.kind,
                "enabled": True,
                "config": trigger.config,
            },
        )
        secret = made["webhookSecret"] if trigger.kind == "webhook" else self._sample.webhook_secret
        self._keep(triggers={**self._sample.triggers, key: made["id"]}, webhook_secret=secret)

    def _keep(self, **changes: Any) -> None:
        self._sample = msgspec.structs.replace(self._sample, **changes)
        write_private(self._kept, text=msgspec.json.encode(self._sample).decode() + "\n")

    async def _get(self, collection: str, resource: str | None) -> dict[str, Any] | None:
        if resource is None:
            return None
        async with self._session.get(f"/api/{collection}/{resource}") as response:
            return None if response.status == 404 else await _json(response, expected=200)

    async def _post(self, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(f"/api/{collection}", json=body) as response:
            return await _json(response, expected=201)


async def _json(response: aiohttp.ClientResponse, *, expected: int) -> dict[str, Any]:
    text = await response.text()
    if response.status != expected:
        raise SeedError(f"{response.method} {response.url.path} responded {response.status}: {text[:500]}")
    decoded: dict[str, Any] = msgspec.json.decode(text)
    return decoded


async def _until_ingress_has(session: aiohttp.ClientSession, *, trigger_id: str) -> None:
    """The API responds before the ingress has the trigger. An unsigned request shows when it has it (401)."""
    path = f"/api/webhooks/{trigger_id}"
    status = 0
    try:
        async with asyncio.timeout(_KNOWN_WITHIN_SECONDS):
            while True:
                async with session.post(path, json={"from": "start check, unsigned"}) as response:
                    status = response.status
                if status != 404 and status < 500:
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise SeedError(
            f"webhook-ingress does not have the sample's webhook after {_KNOWN_WITHIN_SECONDS:.0f} s "
            f"(POST {path} responds {status})"
        ) from None
