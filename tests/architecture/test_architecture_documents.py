"""What users and operators look up in a table is in it: options, reasons, metrics."""

import re
from pathlib import Path

import msgspec
import pytest

from trigger_contracts.config import EventConfig, ManualConfig, ScheduleConfig, TriggerConfig, WebhookConfig
from trigger_contracts.deliveries import RejectionReason

ROOT = Path(__file__).parents[2]
USING = (ROOT / "docs" / "using.md").read_text()
CONFIGS = (ScheduleConfig, WebhookConfig, EventConfig, ManualConfig)
METRIC = re.compile(r"\b(Counter|Gauge|Histogram|Summary)\(\s*\"([a-z_]+)\"")


def first_cells(text: str) -> set[str]:
    """Return what is in backticks in the first cell of each row of the tables."""
    rows = re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE)
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


def cells(text: str) -> set[str]:
    """Return what is in backticks in any row of a table."""
    rows = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def metrics_of(folder: Path) -> set[str]:
    """Return the names of metrics, as they are exposed, in the sources below a folder."""
    names = set()
    for path in folder.rglob("*.py"):
        for kind, name in METRIC.findall(path.read_text()):
            names.add(f"{name.removesuffix('_total')}_total" if kind == "Counter" else name)
    return names


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_every_option_of_a_trigger_is_in_the_guide(config: type[TriggerConfig]) -> None:
    options = {field.encode_name for field in msgspec.structs.fields(config)}
    assert options - first_cells(USING) == set()


def test_every_reason_of_a_refusal_is_in_the_guide() -> None:
    assert {reason.value for reason in RejectionReason} - cells(USING) == set()


@pytest.mark.parametrize(
    "folder", [*sorted((ROOT / "services").iterdir()), ROOT / "libs" / "runtime"], ids=lambda path: path.name
)
def test_every_metric_is_in_a_readme_or_in_the_operators_guide(folder: Path) -> None:
    documents = [folder / "README.md", ROOT / "docs" / "operating.md"]
    text = "\n".join(path.read_text() for path in documents)
    missing = {name for name in metrics_of(folder / "src") if not re.search(rf"`{name}[`{{]", text)}
    assert missing == set()
