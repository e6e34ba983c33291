"""What an operator does with dead letters, by the commands of the guide."""

import asyncio
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from trigger_contracts import streams

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parents[4] / "docs" / "operating.md"


async def test_the_commands_of_the_guide_do_what_it_says(bench: Any) -> None:
    (block,) = re.findall(
        r"^```sh\n(.*?)^```",
        GUIDE.read_text().partition("What to do with dead letters")[2],
        re.DOTALL | re.MULTILINE,
    )[:1]
    subject = streams.dead_letter(stream="EVENTS", durable=streams.DISPATCH_EVENTS)
    for number in range(1, 21):
        reason = "MalformedMessageError: no" if number > 18 else "TooOldToStartError: old"
        headers = {"Dead-Subject": "events.order", "Dead-Sequence": str(number), "Dead-Reason": reason}
        assert await bench.bus.publish(subject, b"{}", headers=headers) == number
    for line in block.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "python"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            env={"NATS_URL": bench.nats_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, (line, output)
        assert output, line
    left = (await bench.bus.js.stream_info("DEAD_LETTERS")).state.messages
    assert left == 15  # without 16, 17, 18, and the two that are malformed
    assert len(await bench.messages("EVENTS")) == 4
