"""``python -m webhook_ingress serve | healthcheck | openapi | providers``."""

import sys

import msgspec

from trigger_runtime.command_line import Verb, run
from webhook_ingress.app import NAME, build
from webhook_ingress.entrypoints.api_document import api_document
from webhook_ingress.entrypoints.providers_page import providers_page
from webhook_ingress.settings import Settings


def openapi() -> str:
    """Return the OpenAPI document, laid out for people and for diffs."""
    return msgspec.json.format(msgspec.json.encode(api_document(), order="sorted"), indent=1).decode()


if __name__ == "__main__":
    verbs = {
        "openapi": Verb(help="print the OpenAPI document", run=openapi),
        "providers": Verb(help="print docs/providers.md", run=providers_page),
    }
    sys.exit(run(NAME, settings=Settings, build=build, verbs=verbs))
