"""What a body is read as: by kinds of what senders send."""

import base64
import codecs
import gzip
import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_bodies import BodyFormat, ReadBody, ReadingProblem, read_body, without_largest_files

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def read(
    body: bytes, content_type: str | None = None, *, encoding: str | None = None, **more: Any
) -> ReadBody:
    return read_body(body, content_type=content_type, content_encoding=encoding, **more)


def outcome(
    body: bytes, content_type: str | None = None, *, encoding: str | None = None, **more: Any
) -> tuple[str, Any, str | None]:
    found = read(body, content_type, encoding=encoding, **more)
    return found.format.value, found.value, found.problem and found.problem.value


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """Each part has its headers after ``Content-Disposition: form-data; ``, and its content."""
    lines = [
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n"
        % (BOUNDARY.encode(), headers.encode(), content)
        for headers, content in parts
    ]
    return b"".join(lines) + b"--%b--\r\n" % BOUNDARY.encode()


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b'{"Type":"Notification"}', "text/plain; charset=UTF-8", {"Type": "Notification"}),
        (b'[{"email":"a@b"}]', "text/plain", [{"email": "a@b"}]),
        (b' \r\n{"a":1}', "application/octet-stream", {"a": 1}),
        (b'{"a":1}', "application/vnd.api+json", {"a": 1}),
        (b'{"a":1}', "text/html", {"a": 1}),
        (b'{"a":1}', "nonsense", {"a": 1}),
        (b'{"a":1}', None, {"a": 1}),
        (b"5", None, 5),
        (b'{"s":"1+1=2"}', FORM, {"s": "1+1=2"}),
        (b'{"s":"a&b=%41"}', FORM + "; charset=utf-8", {"s": "a&b=%41"}),
        (b'["a=1"]', FORM, ["a=1"]),
    ],
)
def test_json_is_recognised_by_its_content_where_the_label_is_missing_or_wrong(
    body: bytes, content_type: str | None, value: Any
) -> None:
    assert outcome(body, content_type) == ("json", value, None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"5", "text/plain"),
        (b"true", "text/plain"),
        (b"{hello}", "text/plain"),
        (b"[INFO] started", "text/plain"),
        (b'{"a":1}\n{"a":2}\n', "application/x-ndjson"),
        (b'{"a":1}\n', "application/jsonl"),
        (b"<a>1</a>", "application/xml"),
    ],
)
def test_text_stays_text_and_has_no_problem(body: bytes, content_type: str) -> None:
    assert outcome(body, content_type) == ("text", body.decode(), None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"price":NaN}',
        b'{"price":-Infinity}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1} trailing',
        b'{"a":1}{"a":2}',
        b'{"a":1',
        b'{"a":/* one */1}',
        b"a=1&b=2",
    ],
)
def test_what_claims_to_be_json_and_is_not_is_text_and_says_so(body: bytes) -> None:
    assert outcome(body, JSON) == ("text", body.decode(), "invalid_json")


@pytest.mark.parametrize("body", [b'{"a":1', b'{"a": tru}', b'{"a"=1}&b=2'])
def test_a_form_that_begins_like_an_object_never_has_a_key_that_does(body: bytes) -> None:
    assert outcome(body, FORM) == ("text", body.decode(), "invalid_json")


@pytest.mark.parametrize(
    "codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_byte_order_marks_and_wide_characters(codec: str) -> None:
    text = '{"a": "é€"}'
    assert outcome(text.encode(codec), JSON) == ("json", {"a": "é€"}, None)
    with_mark = codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    for content_type in (JSON, "text/plain; charset=iso-8859-1", FORM, None):
        assert outcome(with_mark, content_type)[:2] == ("json", {"a": "é€"})


@pytest.mark.parametrize(
    ("body", "content_type", "value", "problem"),
    [
        (b"first_name=Jos%E9&charset=windows-1252", FORM, "José", None),
        (b"first_name=Jos%E9&_charset_=iso-8859-1", FORM, "José", None),
        (b"first_name=Jos%E9", FORM + "; charset=ISO-8859-1", "José", None),
        (b"first_name=Jos%C3%A9", FORM, "José", None),
        ("first_name=José".encode(), FORM, "José", None),
        (b"first_name=%93Jos%E9%94&charset=windows-1252", FORM, "\u201cJosé\u201d", None),
        (b"first_name=Jos%E9&charset=gold", FORM, "Jos\ufffd", "replaced_characters"),
        (b"first_name=Jos%E9&other=fine", FORM, "Jos\ufffd", "replaced_characters"),
        (b"first_name=Jos%E9", FORM + "; charset=zip", "Jos\ufffd", "charset_unknown"),
        (b"first_name=%82%A0", FORM + "; charset=Shift_JIS", "\u3042", None),
    ],
)
def test_charsets_of_forms_and_damage_that_costs_one_value(
    body: bytes, content_type: str, value: str, problem: str | None
) -> None:
    found = read(body, content_type)
    assert (found.format, found.value["first_name"], found.problem) == (BodyFormat.FORM, value, problem)
    assert found.value.get("other", "fine") == "fine"


def test_damage_within_json_costs_one_value() -> None:
    assert outcome(b'{"a":"\xff","b":2}', JSON) == ("json", {"a": "\ufffd", "b": 2}, "replaced_characters")
    surrogate = rb'{"a":"\ud800x","b":["\udfff"]}'
    assert outcome(surrogate, JSON) == ("json", {"a": "\ufffdx", "b": ["\ufffd"]}, "replaced_characters")
    assert outcome(rb'{"a":"\ud83d\ude00"}', JSON) == ("json", {"a": "\U0001f600"}, None)
    latin = '{"a":"é"}'.encode("latin-1")
    assert outcome(latin, JSON + "; charset=iso-8859-1") == ("json", {"a": "é"}, None)
    assert outcome(b'{"a":"e"}', JSON + "; charset=rot13") == ("json", {"a": "e"}, None)


def test_numbers_that_no_double_holds_are_text() -> None:
    digits = "9" * 5000
    long = f'{{"n": {digits}, "m": 1}}'.encode()
    assert outcome(long, JSON) == ("json", {"n": digits, "m": 1}, "number_out_of_range")
    assert outcome(b'{"n":-1e999}', JSON) == ("json", {"n": "-1e999"}, "number_out_of_range")
    assert outcome(b'{"n":123456789012345678901234567890}', JSON)[1] == {"n": 123456789012345678901234567890}
    for start in ("-", "[-", "[0,"):
        text = f"{start}{digits}" + "]" * start.count("[")
        assert outcome(text.encode(), JSON)[2] == "number_out_of_range"
    quoted = f'{{"n": "{digits}"}}'.encode()
    assert outcome(quoted, JSON) == ("json", {"n": digits}, None)


def test_the_last_of_equal_keys_counts_and_deep_nesting_is_text() -> None:
    assert outcome(b'{"a":1,"a":2}', JSON) == ("json", {"a": 2}, None)
    assert read(b"[" * 101 + b"]" * 101, JSON).problem is ReadingProblem.TOO_DEEP
    assert read(b"[" * 100 + b"]" * 100, JSON).format is BodyFormat.JSON
    assert read(b"[" * 200_000, JSON).format is BodyFormat.TEXT


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"a=1&b=&c&=d&&e=x=y", {"a": "1", "b": "", "c": "", "": "d", "e": "x=y"}),
        (b"a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        (b"a+b=c+d%2B", {"a b": "c d+"}),
        (b"a;b=1;c=2", {"a;b": "1;c=2"}),
        (b"item%5Bname%5D=x&item[id]=1", {"item[name]": "x", "item[id]": "1"}),
        (b"[x]=1", {"[x]": "1"}),
        (b"a=%zz%4", {"a": "%zz%4"}),
        (b"a=%4%41%%42%25%34%31", {"a": "%4A%B%41"}),
        (b"First+Name=Ann", {"First Name": "Ann"}),
        (b"&", {}),
    ],
)
def test_forms_are_read_as_the_url_standard_says(body: bytes, value: Any) -> None:
    assert outcome(body, FORM) == ("form", value, None)


def test_a_form_of_endless_fields_is_text() -> None:
    body = b"a&" * 20_000
    assert outcome(body, FORM) == ("text", body.decode(), "invalid_form")


def test_json_within_a_field_of_a_form() -> None:
    payload = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D&other=%7B%7D"
    value = {"payload": {"ref": "refs/heads/main"}, "other": "{}"}
    assert outcome(payload, FORM, json_fields=("payload",)) == ("form", value, None)
    assert outcome(b"payload=%7Bx", FORM, json_fields=("payload",))[2] == "invalid_json_field"
    assert outcome(b"other=1", FORM, json_fields=("payload",)) == ("form", {"other": "1"}, None)
    assert outcome(b'{"payload":"{}"}', JSON, json_fields=("payload",))[1] == {"payload": "{}"}
    in_parts = multipart(('name="payload"', b'{"event":"media.play"}'))
    assert outcome(in_parts, MULTIPART, json_fields=("payload",))[1] == {"payload": {"event": "media.play"}}


def test_multipart_is_an_object_with_files() -> None:
    body = multipart(
        ('name="event"', b"media.play"),
        ('name="tag"', b"a"),
        ('name="tag"', "é".encode()),
        ('name="envelope"\r\nContent-Type: application/json', b'{"to":["a@b"]}'),
        ('name="old"\r\nContent-Type: text/plain; charset=iso-8859-1', b"Jos\xe9"),
        ('name="thumb"; filename="a.jpg"\r\nContent-Type: image/jpeg', b"\xff\xd8"),
        ('name="note"; filename=""', b""),
    )
    assert outcome(body, MULTIPART) == (
        "multipart",
        {
            "event": "media.play",
            "tag": ["a", "é"],
            "envelope": {"to": ["a@b"]},
            "old": "José",
            "thumb": {"name": "a.jpg", "type": "image/jpeg", "size": 2, "base64": "/9g="},
            "note": {"name": "", "type": None, "size": 0, "base64": ""},
        },
        None,
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"event=media.play", MULTIPART),
        (b"preamble\r\n" + multipart(('name="a"', b"b")), "multipart/form-data"),
        (multipart(('name="a"', b"b"))[:40], MULTIPART),
        (multipart(*[('name="a"', b"b")] * 1001), MULTIPART),
        (b"--" + BOUNDARY.encode() + b"\r\nX: 1\r\n\r\nb\r\n--" + BOUNDARY.encode() + b"--\r\n", MULTIPART),
    ],
)
def test_what_is_not_the_multipart_that_it_claims_is_text_and_says_so(body: bytes, content_type: str) -> None:
    assert outcome(body, content_type) == ("text", body.decode(), "invalid_multipart")


PLAIN = b'{"a": 1}'


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (zipped(PLAIN), "gzip"),
        (zipped(PLAIN), "X-GZIP"),
        (zipped(PLAIN[:3]) + zipped(PLAIN[3:]), "gzip"),
        (zipped(PLAIN) + b"\0" * 8, "gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (zlib.compress(PLAIN)[2:-4], "deflate"),
        (zipped(zipped(PLAIN)), "gzip, gzip"),
        (PLAIN, "gzip"),
        (PLAIN, "deflate"),
        (PLAIN, "identity"),
        (PLAIN, "utf-8"),
        (PLAIN, "aws-chunked"),
        (zipped(PLAIN), "aws-chunked, gzip"),
        (PLAIN, ""),
    ],
)
def test_encodings_come_off_and_words_that_are_none_are_passed_over(body: bytes, encoding: str) -> None:
    assert outcome(body, JSON, encoding=encoding) == ("json", {"a": 1}, None)


@pytest.mark.parametrize(
    ("body", "encoding", "problem"),
    [
        (b"\x0b\x02\x80", "br", "encoding_unknown"),
        (b"\x28\xb5\x2f\xfd", "zstd", "encoding_unknown"),
        (zipped(PLAIN)[:-4], "gzip", "encoding_invalid"),
        (b"\x1f\x8bnot gzip", "gzip", "encoding_invalid"),
        (b"not deflated", "deflate", "encoding_invalid"),
        (zipped(b"0" * 2_000_000), "gzip", "too_large"),
        (zipped(zipped(b"0" * 2_000_000)), "gzip, gzip", "too_large"),
        (zipped(PLAIN), "gzip, gzip, gzip, gzip", "encoding_unknown"),
    ],
)
def test_an_encoding_that_cannot_come_off_is_base64_and_says_so(
    body: bytes, encoding: str, problem: str
) -> None:
    found = read(body, JSON, encoding=encoding, max_decoded_bytes=1_000_000)
    assert (found.format, found.problem) == (BodyFormat.BINARY, problem)


def test_few_bytes_become_no_more_than_a_megabyte_and_many_a_hundredfold() -> None:
    below = zipped(b"a=" + b"%41" * 300_000)
    assert read(below, FORM, encoding="gzip").format is BodyFormat.FORM
    above = zipped(b"a=" + b"%41" * 3_000_000)
    found = read(above, FORM, encoding="gzip")
    assert (found.format, found.problem) == (BodyFormat.BINARY, ReadingProblem.TOO_LARGE)


def test_empty_binary_and_text_without_a_label() -> None:
    for content_type in (JSON, FORM, MULTIPART, None):
        assert outcome(b"", content_type) == ("empty", None, None)
    assert outcome(zipped(b""), JSON, encoding="gzip") == ("empty", None, None)
    assert outcome(b"\x00\xff") == ("binary", {"base64": "AP8="}, None)
    assert outcome(b"plain", "image/png") == ("binary", {"base64": "cGxhaW4="}, None)
    assert outcome(b"hello") == ("text", "hello", None)
    assert outcome(b"x\xffy", "text/plain") == ("text", "x\ufffdy", "replaced_characters")
    assert outcome(b"\x82\xa0\x82\xa2", "text/plain") == ("binary", {"base64": "gqCCog=="}, "charset_unknown")
    assert outcome(b"\xff", JSON) == ("binary", {"base64": "/w=="}, "invalid_json")
    assert outcome(b"Jos\xe9", "text/plain; charset=latin1") == ("text", "José", None)


_LABELS = st.sampled_from([None, JSON, FORM, MULTIPART, "text/plain", "image/png", JSON + "; charset=utf-16"])
_ENCODINGS = st.sampled_from([None, "gzip", "deflate", "br", "gzip, deflate"])


@given(st.binary(max_size=200), _LABELS, _ENCODINGS)
def test_any_bytes_are_something(body: bytes, content_type: str | None, encoding: str | None) -> None:
    found = read(body, content_type, encoding=encoding, json_fields=("a",), max_decoded_bytes=1000)
    json.dumps(found.value, ensure_ascii=False, allow_nan=False).encode()


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner),
    max_leaves=10,
)
_CODECS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


@given(_VALUES, _CODECS, st.sampled_from([None, "gzip", "deflate"]))
def test_json_comes_back_whatever_it_was_wrapped_in(value: Any, codec: str, encoding: str | None) -> None:
    text = json.dumps(value, ensure_ascii=False).encode(codec)
    body = {None: text, "gzip": zipped(text), "deflate": zlib.compress(text)}[encoding]
    assert outcome(body, JSON, encoding=encoding) == ("json", value, None)


@pytest.mark.parametrize(
    "body",
    [b"%7B%22s%22%3A%221%2B1=2%22%7D", b'{"s":"1+1=2"}=', b'{"s":"1+1=2"}&', b" " * 100 + b'{"s":"1+1=2"}'],
)
def test_json_that_became_the_only_name_of_a_form(body: bytes) -> None:
    assert outcome(body, FORM) == ("json", {"s": "1+1=2"}, None)


def test_escaped_text_that_begins_like_an_object_is_no_name_of_a_form() -> None:
    assert outcome(b"%7B%22a%22", FORM) == ("text", "%7B%22a%22", "invalid_json")
    assert outcome(b"%5Ba%5D=1", FORM) == ("form", {"[a]": "1"}, None)


@pytest.mark.parametrize("label", [MULTIPART, "multipart/form-data", FORM + ", text/plain"])
def test_json_under_any_label_of_a_form(label: str) -> None:
    assert outcome(b'{"a":1}', label) == ("json", {"a": 1}, None)
    assert outcome(b'{"a":1', "multipart/form-data") == ("text", '{"a":1', "invalid_json")


@pytest.mark.parametrize("charset", ["replacement", "iso-2022-kr", "x-user-defined", "utf-7", "zip"])
def test_charsets_that_decode_nothing_are_unknown(charset: str) -> None:
    assert outcome(f"a=1&charset={charset}".encode(), FORM) == ("form", {"a": "1", "charset": charset}, None)
    assert outcome(b"a=1", f"{FORM}; charset={charset}") == ("form", {"a": "1"}, "charset_unknown")
    assert outcome(b"a", f"text/plain; charset={charset}") == ("text", "a", "charset_unknown")


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_a_form_with_a_byte_order_mark(codec: str) -> None:
    assert outcome("a=é&b=%C3%A9".encode(codec), FORM) == ("form", {"a": "é", "b": "é"}, None)


def test_wide_charsets_of_forms() -> None:
    assert outcome(b"a=%C3%A9", FORM + "; charset=utf-16") == ("form", {"a": "é"}, None)
    assert outcome("a=é".encode("utf-16-le"), FORM + "; charset=utf-16le") == ("form", {"a": "é"}, None)
    assert outcome(b"a=1&charset=utf-16", FORM) == ("form", {"a": "1", "charset": "utf-16"}, None)


def test_xml_says_its_charset_itself() -> None:
    text = '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'
    assert outcome(text.encode("latin-1"), "application/xml") == ("text", text, None)
    wide = text.replace("iso-8859-1", "utf-16")
    assert outcome(wide.encode(), "text/xml") == ("text", wide, None)


def test_multipart_of_senders_that_leave_rules_out() -> None:
    latin = multipart(('name="Jos\xe9"', b"x")).decode().encode("latin-1")
    assert outcome(latin, MULTIPART) == ("multipart", {"Jos\ufffd": "x"}, "replaced_characters")
    labelled = multipart(('name="_charset_"', b"iso-8859-1"), ('name="a"', b"Jos\xe9"))
    assert outcome(labelled, MULTIPART)[1:] == ({"_charset_": "iso-8859-1", "a": "José"}, None)
    extended = multipart(("name=\"f\"; filename*=UTF-8''%e2%82%ac.txt", b"x"))
    assert read(extended, MULTIPART).value["f"]["name"] == "€.txt"
    assert outcome(multipart(('name="a"', b"1")), "multipart/form-data") == ("multipart", {"a": "1"}, None)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(zipped(b"[1]"), "deflate"), (zlib.compress(b"[1]"), "gzip"), (zipped(b"[1]"), "gzip;q=1.0")],
)
def test_gzip_and_deflate_are_taken_for_each_other(body: bytes, encoding: str) -> None:
    assert outcome(body, JSON, encoding=encoding) == ("json", [1], None)


def test_endless_members_of_gzip_are_not_read() -> None:
    assert read(zipped(b"") * 5000, JSON, encoding="gzip").problem is ReadingProblem.TOO_LARGE


def test_json_in_a_field_that_is_repeated() -> None:
    found = read(b"payload=%5B1%5D&payload=%7B%7D", FORM, json_fields=("payload",))
    assert found.value == {"payload": [[1], {}]}


PNG = b"\x89PNG\r\n\x1a\n\0\0"


@pytest.mark.parametrize(
    ("headers", "content", "value", "problem"),
    [
        ("Content-Transfer-Encoding: base64", b"Sm9z\r\nw6k=", "José", None),
        ("Content-Transfer-Encoding: Quoted-Printable", b"Jos=C3=\r\n=A9", "José", None),
        ("Content-Transfer-Encoding: 8bit", "José".encode(), "José", None),
        ("Content-Transfer-Encoding: base64", b"Jos!", "Jos!", "encoding_invalid"),
        ("Content-Transfer-Encoding: x-uuencode", b"x", "x", "encoding_unknown"),
        ("Content-Type: multipart/mixed; boundary=c", b"--c\r\n\r\n1\r\n--c--", None, "invalid_multipart"),
    ],
)
def test_parts_in_a_transfer_encoding_and_forms_within_forms(
    headers: str, content: bytes, value: str | None, problem: str | None
) -> None:
    body = multipart((f'name="a"\r\n{headers}', content), ('name="b"', b"2"))
    expected = {"a": content.decode() if value is None else value, "b": "2"}
    assert outcome(body, MULTIPART) == ("multipart", expected, problem)


def test_a_file_in_a_transfer_encoding_and_one_without_a_name() -> None:
    encoded = base64.b64encode(PNG)
    body = multipart(
        ('name="a"; filename="a.png"\r\nContent-Transfer-Encoding: base64', encoded),
        ('name="b"\r\nContent-Type: image/png', PNG),
        ('name="c"\r\nContent-Type: application/x-custom', b"text"),
    )
    size = {"size": len(PNG), "base64": encoded.decode()}
    named, nameless = {"name": "a.png", "type": None, **size}, {"name": None, "type": "image/png", **size}
    assert outcome(body, MULTIPART) == ("multipart", {"a": named, "b": nameless, "c": "text"}, None)


def test_multipart_whose_lines_end_with_a_line_feed_alone() -> None:
    body = multipart(('name="a"', b"1\n2"), ('name="b"; filename="f"', b"\n\n")).replace(b"\r\n", b"\n")
    value = {"a": "1\n2", "b": {"name": "f", "type": None, "size": 2, "base64": "Cgo="}}
    for label in (MULTIPART, "multipart/form-data"):
        assert outcome(body, label) == ("multipart", value, None)
    # The content's own line ends could not be told from those of the form.
    assert outcome(body.replace(b"1\n2", b"1\r\n2"), MULTIPART)[2] == "invalid_multipart"


def test_other_multiparts_are_text() -> None:
    body = b"--c\r\nContent-Type: text/plain\r\n\r\n1\r\n--c--\r\n"
    for label in ("multipart/mixed; boundary=c", "multipart/related; boundary=c"):
        assert outcome(body, label) == ("text", body.decode(), None)
    assert outcome(body + PNG, label)[0::2] == ("binary", None)


@pytest.mark.parametrize(
    "label",
    [
        f"{FORM}, {FORM}",
        f"application/json, {FORM}; charset=utf-8",
        f"{FORM}; charset=utf-8, {FORM}",
        f"{FORM} charset=utf-8",
        f'"{FORM}"',
        f" {FORM.upper()} ;; charset",
    ],
)
def test_labels_that_are_sent_twice_or_not_quite_right(label: str) -> None:
    assert outcome(b"n=Jos%C3%A9", label) == ("form", {"n": "José"}, None)


def test_a_comma_in_a_boundary_is_none_between_labels() -> None:
    body = multipart(('name="a"', b"1")).replace(BOUNDARY.encode(), b"x,y")
    for label in ("multipart/form-data; boundary=x,y", 'multipart/form-data; boundary="x,y"'):
        assert outcome(body, label) == ("multipart", {"a": "1"}, None)


@pytest.mark.parametrize(
    "label", ["application/json; charset=iso-8859-1", "application/json; charset=utf-16", JSON]
)
def test_a_charset_that_the_content_contradicts(label: str) -> None:
    for body in ('{"n":"José"}'.encode(), codecs.BOM_UTF8 + '{"n":"José"}'.encode()):
        assert outcome(body, label) == ("json", {"n": "José"}, None)
        assert outcome(zipped(body), label, encoding="gzip") == ("json", {"n": "José"}, None)


def test_the_largest_files_make_room() -> None:
    large, small = b"x" * 100_000, b"y" * 1000
    fake = b'{"name":1,"type":1,"size":1,"base64":"%b"}' % (b"!" * 300_000)
    body = multipart(
        ('name="f"; filename="1"', small),
        ('name="f"; filename="2"', large),
        ('name="g"; filename="3"', small),
        ('name="fake"\r\nContent-Type: application/json', fake),
    )
    whole = read(body, MULTIPART)
    fitting = without_largest_files(whole, excess=300_000 + 1)
    assert (fitting.problem, fitting.value["fake"]) == (ReadingProblem.TOO_LARGE, whole.value["fake"])
    assert (fitting.value["f"][0], fitting.value["g"]) == (whole.value["f"][0], whole.value["g"])
    assert fitting.value["f"][1] == {
        "name": "2",
        "type": None,
        "size": len(large),
        "sha256": hashlib.sha256(large).hexdigest(),
        "omitted": True,
    }
    assert "base64" not in without_largest_files(whole, excess=10**9).value["g"]
