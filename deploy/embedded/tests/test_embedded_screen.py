"""The lines to paste: what they send is what was signed, and bash reads them as they were meant."""

import hashlib
import hmac
import shlex
import subprocess
from pathlib import Path

import pytest

from embedded_stack.sample import PUSH_BODY, KeptSample
from embedded_stack.screen import Addresses, FirstStep, first_steps, rendered

SAMPLE = KeptSample(
    workflows={"report": "w1", "echo": "w2"},
    triggers={"webhook": "t1", "schedule": "t2", "event": "t3", "manual": "t4"},
    webhook_secret='it\'s a "secret" $HOME',
)


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    folder = tmp_path / "it's a folder"
    return Addresses(
        base_url="http://localhost:8080",
        token="header.claims.signature",
        temporal_ui_url="http://localhost:8080/temporal-ui",
        folder=folder,
        logs=folder / "log",
        authorization=folder / "authorization",
    )


def as_bash_reads(step: FirstStep) -> list[str]:
    script = f"set -- {step.command}; printf '%s\\0' \"$@\""
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return result.stdout.split("\0")[:-1]


def test_the_signature_is_of_exactly_the_body_that_is_sent(addresses: Addresses) -> None:
    words = as_bash_reads(first_steps(addresses, sample=SAMPLE)[0])
    body = words[words.index("--data-raw") + 1]
    assert body == PUSH_BODY
    assert SAMPLE.webhook_secret is not None
    expected = hmac.new(SAMPLE.webhook_secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert f"X-Hub-Signature-256: sha256={expected}" in words


def test_every_line_survives_bash(addresses: Addresses) -> None:
    for step in first_steps(addresses, sample=SAMPLE):
        assert as_bash_reads(step) == shlex.split(step.command)
        assert "\n" not in step.command


def test_the_screen_is_short_plain_and_unwrapped_without_a_terminal(addresses: Addresses) -> None:
    steps = first_steps(addresses, sample=SAMPLE)
    printed = rendered(addresses, steps=steps, notes=())
    assert "\x1b" not in printed
    assert len(printed.splitlines()) <= 40
    for step in steps:
        assert step.command in printed.splitlines()
    assert addresses.token in printed
