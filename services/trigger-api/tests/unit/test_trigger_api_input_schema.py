"""Inputs of runs by hand: defaults, formats and references are applied, or refused with the reason."""

from typing import Any

import pytest

from trigger_api.domain.config_rules import field_errors_of
from trigger_api.domain.input_schema import schema_errors
from trigger_api.usecases.manual_runs import effective_inputs
from trigger_contracts.config import ManualConfig
from trigger_validation import InvalidError


def run(schema: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return effective_inputs(ManualConfig(input_schema=schema), inputs=inputs)


def problems(schema: dict[str, Any]) -> list[str]:
    return [error.detail for error in field_errors_of(ManualConfig(input_schema=schema))]


NAME = {"properties": {"name": {"type": "string", "default": "Ann"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("schema", "inputs", "expected"),
    [
        (NAME, None, {"name": "Ann"}),
        (NAME, {"name": "Bob"}, {"name": "Bob"}),
        (NAME, {"other": 1}, {"name": "Ann", "other": 1}),
        ({"properties": {"n": {"default": None}}}, {}, {"n": None}),
        ({"properties": {"n": {"default": 0}, "m": {"default": False}}}, {}, {"n": 0, "m": False}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {"a": {}}, {"a": {"b": 1}}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {}, {}),
        (
            {"properties": {"a": {"default": {}, "properties": {"b": {"default": 1}}}}},
            {},
            {"a": {"b": 1}},
        ),
        (
            {"properties": {"l": {"items": {"properties": {"n": {"default": 1}}}}}},
            {"l": [{}, {"n": 2}, 3]},
            {"l": [{"n": 1}, {"n": 2}, 3]},
        ),
        ({"$defs": {"n": {"default": 7}}, "properties": {"n": {"$ref": "#/$defs/n"}}}, {}, {"n": 7}),
        ({"allOf": [NAME]}, {}, {"name": "Ann"}),
        ({"anyOf": [NAME, {}]}, {}, {}),
    ],
)
def test_a_run_gets_the_defaults_of_what_it_lacks(
    schema: dict[str, Any], inputs: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    assert problems(schema) == []
    assert run(schema, inputs) == expected


def test_the_trigger_s_own_inputs_come_before_the_schema_s_defaults() -> None:
    config = ManualConfig(input_schema=NAME, inputs={"name": "Cy"})
    assert effective_inputs(config, inputs=None) == {"name": "Cy"}


def test_a_default_is_not_shared_between_runs() -> None:
    schema = {"properties": {"tags": {"type": "array", "default": ["a"]}}}
    config = ManualConfig(input_schema=schema)
    first = effective_inputs(config, inputs=None)
    first["tags"].append("b")
    assert effective_inputs(config, inputs=None) == {"tags": ["a"]}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"n": {"type": "integer", "default": "x"}}},
        {"properties": {"m": {"format": "email", "default": "nobody"}}},
        {"properties": {"a": {"default": {"b": 1}, "properties": {"b": {"type": "string"}}}}},
    ],
)
def test_a_default_that_its_own_schema_refuses_is_refused(schema: dict[str, Any]) -> None:
    (problem,) = problems(schema)
    assert problem.startswith("A default does not fit: ")


@pytest.mark.parametrize(
    ("format_", "right", "wrong"),
    [
        ("email", "a@example.com", "a at example.com"),
        ("date-time", "2026-12-01T09:00:00Z", "tomorrow"),
        ("date", "2026-12-01", "1.12.2026"),
        ("uuid", "0199c2d5-1b3b-7a2c-8d4e-5f6071829305", "7"),
        ("uri", "https://example.com/x", "example com"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
    ],
)
def test_formats_are_checked(format_: str, right: str, wrong: str) -> None:
    schema = {"properties": {"value": {"type": "string", "format": format_}}}
    assert problems(schema) == []
    assert run(schema, {"value": right}) == {"value": right}
    with pytest.raises(InvalidError) as caught:
        run(schema, {"value": wrong})
    assert [error.pointer for error in caught.value.field_errors] == ["/inputs/value"]


def test_an_unknown_format_is_refused_when_it_is_saved_and_passed_over_where_it_was() -> None:
    schema = {"properties": {"value": {"format": "emial"}}}
    (error,) = schema_errors(schema, pointer="/config/inputSchema")
    assert "emial" in error.detail
    assert run(schema, {"value": "x"}) == {"value": "x"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "string"}, "inputs are an object"),
        ({"type": ["array", "null"]}, "inputs are an object"),
        ({"const": 5}, "inputs are an object"),
        ({"enum": []}, "nothing is allowed"),
        ({"not": {}}, "nothing is allowed"),
        ({"minProperties": 3, "maxProperties": 2}, "minProperties is above maxProperties"),
        ({"required": ["n"], "properties": {"n": False}}, "nothing is allowed for n"),
        ({"required": ["n"], "additionalProperties": False}, "n is required"),
        (
            {"required": ["n"], "properties": {"n": {"minimum": 5, "maximum": 4}}},
            "minimum is above maximum for n",
        ),
        ({"allOf": [{"required": ["n"], "properties": {"n": {"enum": []}}}]}, "nothing is allowed for n"),
        (
            {
                "$defs": {"n": {"minLength": 2, "maxLength": 1}},
                "required": ["n"],
                "properties": {"n": {"$ref": "#/$defs/n"}},
            },
            "minLength is above maxLength for n",
        ),
    ],
)
def test_a_schema_that_no_run_can_meet_is_refused_with_the_reason(
    schema: dict[str, Any], reason: str
) -> None:
    (problem,) = problems(schema)
    assert reason in problem


@pytest.mark.parametrize(
    "schema",
    [
        {"required": ["n"]},
        {"properties": {"n": {"minimum": 5, "maximum": 4}}},
        {"required": ["n"], "additionalProperties": False, "patternProperties": {"^n": {}}},
        {"required": ["n"], "additionalProperties": {"type": "string"}},
        {"type": ["object", "null"]},
    ],
)
def test_a_schema_that_some_run_can_meet_is_taken(schema: dict[str, Any]) -> None:
    assert problems(schema) == []
