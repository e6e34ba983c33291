"""What is a path, what is refused with what to write instead, and what earlier releases took."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_paths import MAX_LENGTH, MAX_STEPS, PathError, format_path, parse_path, stored_path

KEYS = st.text(max_size=12)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("id", ("id",)),
        ("data.id", ("data", "id")),
        ("items[0].id", ("items", "0", "id")),
        ("items.0.id", ("items", "0", "id")),
        ("a[1][22].b-c", ("a", "1", "22", "b-c")),
        ("[0].id", ("0", "id")),
        ("0", ("0",)),
        ('["First Name"]', ("First Name",)),
        ("['First Name'].x", ("First Name", "x")),
        ('labels["app.kubernetes.io/name"]', ("labels", "app.kubernetes.io/name")),
        ('a[ "b" ][ 0 ]', ("a", "b", "0")),
        (r'a["\"\\\/\n\u00e9\ud83d\ude00"]', ("a", '"\\/\né😀')),
        (r"""a['it\'s "it"']""", ("a", 'it\'s "it"')),
        ("""a["it's"]""", ("a", "it's")),
        ('a["]"]["}}"][""]', ("a", "]", "}}", "")),
        ("ä.ключ.日本", ("ä", "ключ", "日本")),
        ("$id.@type.xs:id.#a.a+b.50%.~x._", ("$id", "@type", "xs:id", "#a", "a+b", "50%", "~x", "_")),
        ("a.$", ("a", "$")),
    ],
)
def test_a_path_has_steps(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path
    assert stored_path(text) == path


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("$.id", "Leave out the '$': id"),
        ("$", "Leave out the '$'"),
        ("$['a b'].id", "Leave out the '$'"),
        ("@.id", "Leave out the '@': id"),
        ("/id", "JSON pointer. Write id"),
        ("/data/items/0/a~1b", 'Write data.items[0]["a/b"]'),
        ("#/data/id", "Write data.id"),
        ("data..id", "Name every step: data.id"),
        ("data.id.", "Leave it out: data.id"),
        (".data.id", "Leave it out: data.id"),
        (".", "begins with a dot"),
        ("data.*", "wildcard"),
        ("a[*].b", "wildcard"),
        ("a[?(@.b==1)]", "condition"),
        ("a[?@.b].*", "condition"),
        ("a[1:3]", "several items"),
        ("a[0,1]", "several items"),
        ("a[-1]", "Count from the first item"),
        ("a.-1", "Count from the first item"),
        (r"data.a\.b", 'Quote the key instead: data["a.b"]'),
        (r"a\/b", 'Quote the key instead: ["a/b"]'),
        ("a[x]", 'Write ["x"]'),
        ("a[First Name]", 'Write ["First Name"]'),
        ("a[]", "empty brackets"),
        ("a[1234567890]", "nine digits"),
        ('a["x"', "not closed"),
        ("a['x]", "not closed"),
        ("a]", "not closed"),
        ('a["x"]b', "Write a dot before a key"),
        ('a.["x"]', "dot before a bracket"),
        (r'a["\d"]', "Write a backslash twice"),
        (r'a["\ud800"]', "half of a character"),
        ("data.metadata.labels.app.kubernetes.io/name", 'data.metadata.labels["app.kubernetes.io/name"]'),
        ("data.annotations.a/b.c", 'data.annotations["a/b.c"]'),
        ("data.First Name", 'data["First Name"]'),
        ("data.a/b.c", 'data["a/b"].c'),
        ("data.a'b", """data["a'b"]"""),
        ("a.length()", "calls a function"),
        ("body.Total (EUR)", 'body["Total (EUR)"]'),
        ("body.Name *", 'body["Name *"]'),
        ("body.How are you?", 'body["How are you?"]'),
        ("*", "wildcard"),
        ("a.**.b", "wildcard"),
        ("data.items[0].First Name", 'data.items[0]["First Name"]'),
        ("body['a.b'].c/d.e", """body['a.b']["c/d"].e"""),
        ('a["*"].b(c)', "calls a function"),
        ('a["x..y*"].b c', 'a["x..y*"]["b c"]'),
        ('a["*"][1][x]', 'Write ["x"]'),
        ("a.b|upper", 'a["b|upper"]'),
        ("a{b}", '["a{b}"]'),
        ("a\u00a0b", "a blank"),
        ("a\n", "a blank"),
        ("a\x00", r"'\x00'"),
        ("a." * 60_000 + "a", "at most"),
        ("[0]" * (MAX_STEPS + 1), "at most"),
        ("a" * (MAX_LENGTH + 1), "at most"),
    ],
)
def test_another_notation_is_refused_with_what_to_write(text: str, detail: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(text)
    assert detail in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "$.id",
        "/id",
        "data.*",
        r"a\.b",
        "data.labels.app.kubernetes.io/name",
        "a{b}",
        "a.-1",
        "a(b)",
        "$",
        "a.b" * 900,
    ],
)
def test_what_earlier_releases_saved_is_still_read_step_by_step(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)
    assert stored_path(text) == tuple(text.split("."))


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[x]", "a[]", "a[0]b", "a b", "a\u00a0b", "a\n"]
)
def test_what_never_was_a_path_is_none(text: str) -> None:
    with pytest.raises(PathError):
        stored_path(text)


@given(st.lists(KEYS, min_size=1, max_size=8))
def test_a_path_that_is_written_is_read_the_same(steps: list[str]) -> None:
    assert parse_path(format_path(tuple(steps))) == tuple(steps)


@given(st.text() | st.text(alphabet="ab01.[]\"'\\/*$@ -?(){}:,", max_size=30))
def test_every_text_is_a_path_or_refused_with_a_reason(text: str) -> None:
    for read in (parse_path, stored_path):
        with contextlib.suppress(PathError):
            assert stored_path(format_path(path := read(text))) == path


@given(st.from_regex(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[[0-9]{1,9}\]){0,4}", fullmatch=True))
def test_what_was_accepted_means_the_same(text: str) -> None:
    before = tuple(re.findall(r"[^.\[\]]+", text))
    assert stored_path(text) == before
    with contextlib.suppress(PathError):
        assert parse_path(text) == before


@given(st.sampled_from("$@/.*\\[]()?\"' -0ab"), st.integers(1, 20_000))
def test_long_texts_of_one_kind_take_no_square_time(character: str, count: int) -> None:
    with contextlib.suppress(PathError):
        parse_path(("a" + character) * count)
