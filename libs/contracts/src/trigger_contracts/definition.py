"""A workflow's definition, in the shape that FlowMaestro's canvas saves."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from trigger_contracts.codec import Part

NodeId = Annotated[str, Meta(min_length=1, max_length=100)]


class NodeShape(Part, tag_field="type", frozen=True, kw_only=True):
    """What every node has; ``position`` and ``style`` belong to the canvas and are kept untouched."""

    name: Annotated[str, Meta(max_length=200)] = ""
    position: Any = msgspec.UNSET
    style: Any = msgspec.UNSET


class InputConfig(Part, frozen=True, kw_only=True):
    """The input node needs no configuration."""


class InputNode(NodeShape, tag="input", frozen=True, kw_only=True):
    """Its output is the trigger's payload."""

    config: InputConfig = InputConfig()


class TransformConfig(Part, frozen=True, kw_only=True):
    """``output`` is a template: any JSON value whose strings may hold ``{{path}}``."""

    output: Any


class TransformNode(NodeShape, tag="transform", frozen=True, kw_only=True):
    """Its output is the rendered template."""

    config: TransformConfig


class OutputConfig(Part, frozen=True, kw_only=True):
    """``value`` is a template."""

    value: Any


class OutputNode(NodeShape, tag="output", frozen=True, kw_only=True):
    """Its rendered value is the execution's ``outputs``."""

    config: OutputConfig


Node = InputNode | TransformNode | OutputNode


class Edge(Part, omit_defaults=True, frozen=True, kw_only=True):
    """``target`` runs after ``source``."""

    id: Annotated[str, Meta(max_length=200)] = ""
    source: NodeId
    target: NodeId
    source_handle: str | None = None
    target_handle: str | None = None


class DefinitionSettings(Part, frozen=True, kw_only=True):
    """Limits of one execution: ``timeout`` in seconds for the whole of it."""

    timeout: Annotated[int, Meta(ge=1, le=30 * 24 * 3600)] = 300
    max_concurrent_nodes: Annotated[int, Meta(ge=1, le=100)] = 10


class WorkflowDefinition(Part, frozen=True, kw_only=True):
    """A directed acyclic graph of nodes; only what is reachable from ``entry_point`` runs."""

    nodes: Annotated[dict[NodeId, Node], Meta(min_length=1, max_length=1000)]
    edges: Annotated[tuple[Edge, ...], Meta(max_length=5000)] = ()
    entry_point: NodeId
    settings: DefinitionSettings = DefinitionSettings()
