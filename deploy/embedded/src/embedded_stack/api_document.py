"""One OpenAPI document for the gateway, merged from the documents of the services behind it.

`python -m embedded_stack openapi` prints it; `make openapi` writes it to deploy/gateway/openapi.json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_REPOSITORY = Path(__file__).parents[4]
SERVICE_DOCUMENTS = _REPOSITORY / "docs" / "openapi"
GATEWAY_DOCUMENT = _REPOSITORY / "deploy" / "gateway" / "openapi.json"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class DocumentConflictError(ValueError):
    """Two services use one name for different things. The message names both."""


def service_documents(folder: Path = SERVICE_DOCUMENTS) -> dict[str, dict[str, Any]]:
    """The committed documents, by the name of the service."""
    return {path.stem: msgspec.json.decode(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge OpenAPI 3.1 documents, by the name of the service.

    A component may stand in several documents when it is the same in all. The gateway routes by path, so a
    path belongs to one service. Raises DocumentConflictError.
    """
    merged = _Merge()
    for service, document in documents.items():
        for path, operations in document["paths"].items():
            merged.add(("paths", path), value=operations, service=service, shared=False)
            for method in _METHODS & operations.keys():
                name = operations[method]["operationId"]
                merged.add(("operations", name), value=path, service=service, shared=False)
        for tag in document["tags"]:
            merged.add(("tags", tag["name"]), value=tag, service=service)
        for kind, components in document["components"].items():
            for name, component in components.items():
                merged.add((kind, name), value=component, service=service)
        merged.add(("document", "openapi"), value=document["openapi"], service=service)
        merged.add(("info", "version"), value=document["info"]["version"], service=service)
    kinds = sorted({kind for document in documents.values() for kind in document["components"]})
    return {
        "openapi": merged.section("document")["openapi"],
        "info": {
            "title": "FlowMaestro triggers",
            "version": merged.section("info")["version"],
            "description": "\n\n".join(
                f"**{document['info']['title']}.** {document['info']['description']}"
                for document in documents.values()
            ),
        },
        "tags": list(merged.section("tags").values()),
        "paths": merged.section("paths"),
        "components": {kind: dict(sorted(merged.section(kind).items())) for kind in kinds},
    }


def encode(document: Mapping[str, Any]) -> str:
    """The document as it is committed: the difference between two of them can be read."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode() + "\n"


class _Merge:
    """The values by section and name, and the service that each came from first."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}
        self._services: dict[tuple[str, str], str] = {}

    def add(self, key: tuple[str, str], *, value: Any, service: str, shared: bool = True) -> None:
        first = self._services.setdefault(key, service)
        if first != service and not (shared and self._values[key] == value):
            section, name = key
            raise DocumentConflictError(f"{section}: {first} and {service} both have {name!r}")
        self._values[key] = value

    def section(self, section: str) -> dict[str, Any]:
        return {name: value for (kind, name), value in self._values.items() if kind == section}
