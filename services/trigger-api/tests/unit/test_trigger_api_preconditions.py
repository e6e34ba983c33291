"""Which versions a condition of a request names, and what is said of one that names none."""

from typing import get_args

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from trigger_api.entrypoints.preconditions import (
    IfMatch,
    IfNoneMatch,
    MissingIfMatch,
    Preconditions,
    SeenVersions,
)
from trigger_api.usecases.command import ExpectedVersions, NamedVersions
from trigger_runtime.web.problem import ProblemError

_READ_IF_MATCH = get_args(IfMatch)[1].read
_READ_IF_NONE_MATCH = get_args(IfNoneMatch)[1].read


def if_match(*lines: str) -> ExpectedVersions | MissingIfMatch:
    headers = CIMultiDict([("If-Match", line) for line in lines])
    read: ExpectedVersions | MissingIfMatch = _READ_IF_MATCH(make_mocked_request("PUT", "/", headers=headers))
    return read


def if_none_match(*lines: str) -> SeenVersions:
    headers = CIMultiDict([("If-None-Match", line) for line in lines])
    read: SeenVersions = _READ_IF_NONE_MATCH(make_mocked_request("GET", "/", headers=headers))
    return read


@pytest.mark.parametrize(
    ("lines", "versions"),
    [
        (['"2"'], {2}),
        ([' "2" '], {2}),
        (['"1", "2"'], {1, 2}),
        (['"1","2"'], {1, 2}),
        (['"1"', '"2"'], {1, 2}),
        ([',, "2" ,'], {2}),
        (['"a,b", "2"'], {2}),
        (['W/"1", "2"'], {2}),
        (['"2-gzip", "2"'], {2}),
    ],
)
def test_a_list_of_tags_names_its_strong_versions(lines: list[str], versions: set[int]) -> None:
    read = if_match(*lines)
    assert isinstance(read, NamedVersions)
    assert read.versions == versions


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('W/"2"', "weak"),
        ('W/"2-gzip"', "weak"),
        ('"2-gzip"', "-gzip"),
        ('"2;br"', "-gzip"),
        ('"2--gzip"', "-gzip"),
        ("2", "with its quotes"),
        ("W/2", "with its quotes"),
        ("'2'", "with its quotes"),
        ("abc", "with its quotes"),
        ('"abc"', "never gave"),
        ('""', "never gave"),
        ('"0"', "never gave"),
        ('"٢"', "never gave"),
        ('"02"', "never gave"),
        ('*, "2"', "no list of tags"),
        ('"2', "no list of tags"),
        ('w/"2"', "no list of tags"),
        ('x"2"', "no list of tags"),
        ('"1" "2"', "no list of tags"),
        ("", "empty"),
        (" , ", "empty"),
    ],
)
def test_what_matches_nothing_says_why_and_what_to_send(text: str, word: str) -> None:
    read = if_match(text)
    assert isinstance(read, NamedVersions)
    assert read.versions == frozenset()
    assert read.why_not is not None
    assert word in read.why_not
    assert read.why_not.endswith("Send the version that you have read, in quotes.")


def test_any_version_and_no_header_are_no_condition() -> None:
    assert if_match("*") is None
    assert isinstance(if_match(), MissingIfMatch)


def test_a_condition_that_is_required_is_the_header_or_the_version_in_the_body() -> None:
    required = Preconditions(required=True)
    with pytest.raises(ProblemError) as missing:
        required.versions(if_match(), body={"name": "x"})
    assert missing.value.status == 428
    assert required.versions(if_match(), body={"version": 2}) == NamedVersions(frozenset({2}))
    assert required.versions(if_match("*")) is None
    # Both of them have to hold.
    assert required.versions(if_match("*"), body={"version": 2}) == NamedVersions(frozenset({2}))
    assert required.versions(if_match('"1", "2"'), body={"version": 2}) == NamedVersions(frozenset({2}))
    weak = required.versions(if_match('W/"2"'), body={"version": 2})
    assert weak is not None
    assert weak.versions == frozenset()
    assert "weak" in (weak.why_not or "")


@pytest.mark.parametrize("text", ['"2"', 'W/"2"', '"1", W/"2"', "*"])
def test_a_version_that_a_client_has_is_compared_weakly(text: str) -> None:
    assert if_none_match(text).has(2)


@pytest.mark.parametrize("text", ["", '"3"', '"2-gzip"', "2", '"2', '*, "2"'])
def test_what_names_no_version_gets_the_whole_answer(text: str) -> None:
    assert not if_none_match(text).has(2)


def test_without_a_header_the_client_has_nothing() -> None:
    assert not if_none_match().has(2)
