"""The document at the gateway is the merge of what the services say."""

from copy import deepcopy
from typing import Any

import pytest

from embedded_stack import api_document
from embedded_stack.api_document import DocumentConflictError, merge

ORDERS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1.0.0", "description": "What is ordered."},
    "tags": [{"name": "Orders", "description": "What is ordered."}],
    "paths": {"/orders": {"get": {"operationId": "listOrders", "tags": ["Orders"]}}},
    "components": {
        "schemas": {"Order": {"type": "object"}, "Problem": {"type": "object"}},
        "securitySchemes": {"token": {"type": "http"}},
    },
}
PARCELS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Parcels", "version": "1.0.0", "description": "What is sent."},
    "tags": [{"name": "Parcels", "description": "What is sent."}],
    "paths": {"/parcels": {"get": {"operationId": "listParcels", "tags": ["Parcels"]}}},
    "components": {"schemas": {"Parcel": {"type": "string"}, "Problem": {"type": "object"}}},
}


def test_every_operation_tag_and_component_of_each_service_is_in_the_merge() -> None:
    merged = merge({"orders": ORDERS, "parcels": PARCELS})
    assert merged["paths"] == ORDERS["paths"] | PARCELS["paths"]
    assert merged["tags"] == ORDERS["tags"] + PARCELS["tags"]
    assert merged["components"] == {
        "schemas": {"Order": {"type": "object"}, "Parcel": {"type": "string"}, "Problem": {"type": "object"}},
        "securitySchemes": {"token": {"type": "http"}},
    }
    assert (merged["openapi"], merged["info"]["version"]) == ("3.1.0", "1.0.0")
    assert "**Orders.** What is ordered." in merged["info"]["description"]


def changed(document: dict[str, Any], *path: str, value: Any) -> dict[str, Any]:
    copy = deepcopy(document)
    part = copy
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("parcels", "message"),
    [
        (
            changed(PARCELS, "components", "schemas", "Problem", value={"type": "string"}),
            "schemas: orders and parcels both have 'Problem'",
        ),
        (
            changed(PARCELS, "paths", "/orders", value={"post": {"operationId": "createOrder"}}),
            "paths: orders and parcels both have '/orders'",
        ),
        (
            changed(PARCELS, "paths", "/parcels", "get", "operationId", value="listOrders"),
            "operations: orders and parcels both have 'listOrders'",
        ),
        (
            changed(PARCELS, "tags", value=[{"name": "Orders", "description": "Other words."}]),
            "tags: orders and parcels both have 'Orders'",
        ),
        (changed(PARCELS, "openapi", value="3.0.0"), "document: orders and parcels both have 'openapi'"),
    ],
)
def test_services_that_contradict_each_other_are_refused(parcels: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentConflictError) as refusal:
        merge({"orders": ORDERS, "parcels": parcels})
    assert str(refusal.value) == message


def test_the_committed_document_is_the_merge_of_the_services_documents() -> None:
    expected = api_document.encode(merge(api_document.service_documents()))
    assert api_document.GATEWAY_DOCUMENT.read_text() == expected, "make openapi"
