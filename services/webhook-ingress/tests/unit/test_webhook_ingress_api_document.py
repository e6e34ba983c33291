"""The document is the one that is committed, and it lists every method and every reason."""

from pathlib import Path

from trigger_contracts.config import HttpMethod
from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.__main__ import openapi
from webhook_ingress.domain.admission import rejected
from webhook_ingress.entrypoints.api_document import api_document

COMMITTED = Path(__file__).parents[4] / "docs" / "openapi" / "webhook-ingress.json"


def test_the_committed_document_is_the_one_that_is_made() -> None:
    assert COMMITTED.read_text() == openapi() + "\n", "run `make openapi`"


def test_every_method_and_reason_is_documented() -> None:
    (path,) = api_document()["paths"].values()
    assert path.keys() == {*(method.value.lower() for method in HttpMethod), "options"}
    for reason in RejectionReason:
        if rejected(reason).status < 300:
            continue
        assert f"`{reason}`" in path["post"]["description"]
