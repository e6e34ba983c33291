"""Every problem of a value, each at its place; and never an answer that disagrees with msgspec's."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from trigger_validation import FieldError, InvalidError, decode


class Inner(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    how_many: Annotated[int, Meta(ge=1)]
    note: str | None = None


class Circle(msgspec.Struct, frozen=True, kw_only=True, tag="circle", tag_field="kind"):
    name: str
    radius: float


class Square(msgspec.Struct, frozen=True, kw_only=True, tag="square", tag_field="kind"):
    name: str
    side: Annotated[int, Meta(gt=0)]


Small = Annotated[str, Meta(pattern="^[a-z]+$", extra={"words": "Expected small letters. Example: abc."})]


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    plain: (
        Annotated[str, Meta(pattern="^[a-z]+$", extra={"words": "Expected small letters. Example: abc."})]
        | None
    )
    other: Annotated[str, Meta(pattern="^[A-Z]+$")] = "A"


class Outer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    shape: Circle | Square
    inner_one: Inner | None = None
    few: Annotated[tuple[Inner, ...], Meta(max_length=2)] = ()
    by_name: dict[Annotated[str, Meta(min_length=2)], Inner] = {}
    free: Any = None


def pointers(value: Any, kind: Any = Outer, **more: Any) -> list[str]:
    with pytest.raises(InvalidError) as refused:
        decode(value, kind, **more)
    found = refused.value.field_errors
    assert all(error.detail.endswith(".") and "`" not in error.detail for error in found)
    return [error.pointer for error in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, [""]),
        ({}, ["/shape"]),
        ({"shape": {"kind": "circle", "name": 1}}, ["/shape/name", "/shape/radius"]),
        ({"shape": {"name": 1}}, ["/shape/kind", "/shape/name"]),
        ({"shape": {"kind": ["circle"], "name": "a", "radius": 1}}, ["/shape/kind"]),
        ({"shape": None}, ["/shape"]),
        (
            {
                "shape": {"kind": "square", "name": "s", "side": 0, "size": 1},
                "innerOne": {"howMany": 0, "note": 1},
                "few": [{"howMany": 1}, {}, "x"],
                "byName": {"a": {"howMany": 1}, "a~/b": {"howMany": "1"}},
                "inner_one": 1,
            },
            [
                "/shape/side",
                "/shape/size",
                "/innerOne/howMany",
                "/innerOne/note",
                "/few/1/howMany",
                "/few/2",
                "/byName/a",
                "/byName/a~0~1b/howMany",
                "/inner_one",
            ],
        ),
        (
            {"shape": {"kind": "square", "name": "s", "side": 1}, "few": [{"howMany": 1}] * 3},
            ["/few"],
        ),
    ],
)
def test_everything_that_is_wrong_is_named(value: Any, expected: list[str]) -> None:
    assert pointers(value) == expected


def test_the_meaning_of_what_fits_is_checked_together_with_what_does_not() -> None:
    def check(kind: type, name: str, value: Any) -> list[tuple[str, str]]:
        return [("/deep", "Odd.")] if kind is Inner and name == "how_many" and value % 2 else []

    value = {"shape": {"kind": "square"}, "innerOne": {"howMany": 3, "note": 4}, "few": [{"howMany": 2}]}
    found = pointers(value, check=check)
    assert found == ["/shape/name", "/shape/side", "/innerOne/howMany/deep", "/innerOne/note"]


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    circle: Circle
    many: tuple[Circle, ...] = ()
    either: dict[str, Circle | Square] = {}


def test_a_tag_is_a_field_only_where_there_are_several_types() -> None:
    circle = {"name": "a", "radius": 1.0}
    tagged = {"kind": "circle", **circle}
    decode({"circle": circle, "many": [circle], "either": {"a": tagged}}, Alone)
    everywhere = {"circle": tagged, "many": [tagged], "either": {"a": tagged}}
    assert pointers(everywhere, Alone) == ["/circle/kind", "/many/0/kind"]
    assert pointers({"circle": {"kind": "square", **circle}}, Alone) == ["/circle/kind"]
    assert pointers({"circle": tagged, "either": 1}, Alone) == ["/circle/kind", "/either"]
    assert pointers(tagged, Circle) == ["/kind"]


TIME = "Expected an RFC 3339 time with a zone. Example: 2026-01-31T09:00:00Z."


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (1, str, "Expected a text, not a number."),
        (None, str, "Expected a text, not null."),
        ("1", int, "Expected a whole number, not a text."),
        (1.5, int, "Expected a whole number, not a decimal number."),
        (True, float, "Expected a number, not true or false."),
        ("yes", bool, "Expected true or false, not a text."),
        ({}, list[int], "Expected a list, not an object."),
        ([], dict[str, int], "Expected an object, not a list."),
        ("x", Inner, "Expected an object, not a text."),
        ([], str | int | None, "Expected a whole number or a text, not a list."),
        ([], str | None, "Expected a text, not a list."),
        (1, None, "Expected null, not a number."),
        ("", Annotated[str, Meta(min_length=1)], "Expected at least 1 character."),
        ("abc", Annotated[str, Meta(max_length=2)], "Expected at most 2 characters."),
        ([], Annotated[list[int], Meta(min_length=1)], "Expected at least 1 item."),
        (
            {"a": 1, "b": 1, "c": 1},
            Annotated[dict[str, int], Meta(max_length=2)],
            "Expected at most 2 entries.",
        ),
        (0, Annotated[int, Meta(ge=1, le=9)], "Expected at least 1."),
        (10, Annotated[int, Meta(ge=1, le=9)], "Expected at most 9."),
        (-11, Annotated[int, Meta(ge=-10)], "Expected at least -10."),
        (0.0, Annotated[float, Meta(gt=0)], "Expected more than 0."),
        (2.0, Annotated[float, Meta(lt=1.25)], "Expected less than 1.25."),
        ("BREW", Literal["GET", "POST"], "Expected one of GET, POST, not 'BREW'."),
        ("green", Colour, "Expected one of red, blue, not 'green'."),
        (["red"], Colour | None, "Expected one of red, blue."),
        (5, Annotated[Literal[1, 2], Meta(description="Once or twice.")], "Expected one of 1, 2."),
        ("x" * 99, Colour, f"Expected one of red, blue, not '{'x' * 40}'."),
        ("soon", datetime, TIME),
        ("2026-01-31T09:00:00", Annotated[datetime, Meta(tz=True)], TIME),
        (1, datetime, "Expected a time, not a number."),
        ("31.1.", date, "Expected a date. Example: 2026-01-31."),
        ("1", UUID, "Expected a UUID. Example: 6f1c54a4-0d5e-4f0b-9a3e-2f6d3c1e7a01."),
        ([], UUID, "Expected a UUID, not a list."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(value: Any, kind: Any, words: str) -> None:
    with pytest.raises(InvalidError) as refused:
        decode(value, kind)
    assert [error.detail for error in refused.value.field_errors] == [words]


def test_a_wrong_name_of_an_entry_is_told_from_its_value() -> None:
    with pytest.raises(InvalidError) as refused:
        decode({"a": 1}, dict[Annotated[str, Meta(min_length=2)], int])
    assert refused.value.field_errors == (FieldError("/a", "The name: Expected at least 2 characters."),)


def test_a_text_of_msgspec_that_is_not_known_stays_as_it_is() -> None:
    with pytest.raises(InvalidError) as refused:
        decode(3, Annotated[int, Meta(multiple_of=2)])
    assert [error.detail for error in refused.value.field_errors] == [
        "Expected `int` that's a multiple of 2."
    ]


def test_a_pattern_is_explained_in_words() -> None:
    with pytest.raises(InvalidError) as refused:
        decode({"plain": "1", "other": "1"}, Labels)
    assert [error.detail for error in refused.value.field_errors] == [
        "Expected small letters. Example: abc.",
        "There are characters that are not allowed here.",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["shape", "kind", "name", "radius", "side", "innerOne", "howMany", "few", "byName", "x/y"]
            ),
            inner | st.sampled_from(["circle", "square"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(value=JSON)
def test_a_value_is_refused_exactly_when_msgspec_refuses_it_or_a_field_is_unknown(value: Any) -> None:
    found, refused = None, None
    try:
        found = decode(value, Outer)
    except InvalidError as error:
        refused = error.field_errors
    try:
        converted = msgspec.convert(value, Outer)
    except msgspec.ValidationError:
        assert refused
    else:
        if refused is not None:
            assert {error.detail for error in refused} == {"There is no such field."}
        else:
            assert found == converted
