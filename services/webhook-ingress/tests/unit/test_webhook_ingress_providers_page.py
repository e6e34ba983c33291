"""``docs/providers.md`` is what the presets say, and the presets say everything."""

import json
from pathlib import Path

import pytest

from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.presets import PRESETS
from webhook_ingress.entrypoints.providers_page import providers_page

PAGE = Path(__file__).parents[4] / "docs" / "providers.md"
CASES = json.loads(Path(__file__).with_name("provider_signatures.json").read_bytes())


def test_the_page_is_made_of_the_presets() -> None:
    assert PAGE.read_text() == f"{providers_page()}\n", "run `make providers`"


@pytest.mark.parametrize("provider", list(WebhookProvider))
def test_each_row_says_where_it_was_looked_up(provider: WebhookProvider) -> None:
    preset = PRESETS[provider]
    sources = [
        preset.signature.source,
        preset.acknowledgement.source,
        *(test.source for test in preset.tests),
    ]
    if preset.delivery_id is not None:
        assert preset.delivery_id.source is not None
        sources.append(preset.delivery_id.source)
        assert (preset.delivery_id.compute is None) is (preset.delivery_id.what == "")
    assert all(source.url.startswith("https://") for source in sources)
    assert preset.acknowledgement.takes
    asks = preset.opening is not None or preset.signed_handshake is not None
    assert asks is bool(preset.tests)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}-{case['verified_against']}")
def test_a_row_names_the_header_that_its_scheme_reads(case: dict[str, list[list[str]]]) -> None:
    text = PRESETS[WebhookProvider(str(case["provider"]))].signature
    for name, _ in case["headers"]:
        if "timestamp" in name.lower():
            assert name.lower() in text.time.lower()
        elif "signature" in name.lower() and not name.lower().endswith(("version", "algorithm")):
            assert name.lower() in text.header.lower()


@pytest.mark.parametrize("line", [line for line in providers_page().splitlines() if line.startswith("|")])
def test_each_line_of_a_table_has_the_columns_of_its_head(line: str) -> None:
    assert line.count(" | ") in {3, 4, 7}
