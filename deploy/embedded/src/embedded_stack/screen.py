"""The one screen that `make run` ends with: addresses, and a line to paste for each kind of trigger."""

import hashlib
import hmac
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from embedded_stack.sample import EVENT_DATA, EVENT_TYPE, PUSH_BODY, KeptSample


class FirstStep(msgspec.Struct, frozen=True, kw_only=True):
    """A line that works as pasted into bash, from any folder."""

    title: str
    command: str


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen names. `authorization` is the file with the token as a header line."""

    base_url: str
    token: str
    temporal_ui_url: str
    folder: Path
    logs: Path
    authorization: Path


def first_steps(addresses: Addresses, *, sample: KeptSample) -> list[FirstStep]:
    """The lines, in the order in which a newcomer tries them."""
    base = addresses.base_url
    authorized = ["curl", "-sS", "-H", f"@{addresses.authorization}"]
    json_body = ["-H", "Content-Type: application/json"]
    signature = hmac.new(
        (sample.webhook_secret or "").encode(), PUSH_BODY.encode(), hashlib.sha256
    ).hexdigest()
    trigger = sample.triggers
    publish = [sys.executable, "-m", "embedded_stack", "publish", "--var", str(addresses.folder)]
    lines: list[tuple[str, Sequence[str]]] = [
        (
            "webhook: a signed GitHub push",
            [
                *["curl", "-sS", f"{base}/api/webhooks/{trigger['webhook']}", *json_body],
                *["-H", "X-GitHub-Event: push", "-H", f"X-Hub-Signature-256: sha256={signature}"],
                *["--data-raw", PUSH_BODY],
            ],
        ),
        (
            "schedule: what it started, one a minute",
            [*authorized, f"{base}/api/triggers/{trigger['schedule']}/executions"],
        ),
        ("event: a CloudEvent on the bus", [*publish, EVENT_TYPE, EVENT_DATA]),
        (
            "manual: run it now",
            [
                *[*authorized, *json_body, f"{base}/api/triggers/{trigger['manual']}/execute"],
                *["--data-raw", '{"inputs":{"name":"Ada"}}'],
            ],
        ),
        ("every execution, newest first", [*authorized, f"{base}/api/executions?limit=5"]),
        (
            "the requests that the webhook got",
            [*authorized, f"{base}/api/triggers/{trigger['webhook']}/webhook-logs"],
        ),
    ]
    return [FirstStep(title=title, command=shlex.join(words)) for title, words in lines]


def rendered(addresses: Addresses, *, steps: Sequence[FirstStep], notes: Sequence[str]) -> str:
    """The screen. Lines are never wrapped; colours only for a terminal and without NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - only needed here, when everything runs already

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def row(name: str, value: str) -> None:
        console.print(f"{name:<12}", style="dim", end="")
        console.print(value)

    with console.capture() as captured:
        console.print()
        console.print("FlowMaestro triggers", style="bold")
        row("Address", addresses.base_url)
        row("Temporal UI", addresses.temporal_ui_url)
        row("Logs", str(addresses.logs))
        row("Token", addresses.token)
        for step in steps:
            console.print()
            console.print(f"# {step.title}", style="dim")
            console.print(step.command, style="cyan")
        console.print()
        for note in notes:
            console.print(note, style="yellow")
        console.print("Ctrl-C stops everything; the data stays. `make reset` deletes it.", style="bold")
    return captured.get().rstrip("\n")
