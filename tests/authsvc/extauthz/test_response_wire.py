"""What is written by hand is what protobuf would have written."""

from hypothesis import given
from hypothesis import strategies as st

from authsvc.answer import Allowed
from authsvc.extauthz.allow_wire import encode_allowed
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse, HeaderValueOption

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["x" * 127, "x" * 128, "ü" * 600, "x" * 20_000]
)
HEADERS = st.dictionaries(TEXTS, TEXTS, max_size=6)
ANSWERS = st.builds(
    Allowed,
    metadata=st.dictionaries(TEXTS, st.booleans() | TEXTS, min_size=1, max_size=8),
    headers_to_set=HEADERS,
    headers_to_remove=st.lists(TEXTS, max_size=6),
    path=st.none() | TEXTS,
    response_headers=HEADERS,
)


def built_of_classes(answer: Allowed) -> CheckResponse:
    response = CheckResponse()
    response.status.code = 0
    response.dynamic_metadata.update(answer.metadata)
    headers = list(answer.headers_to_set.items())
    if answer.path is not None:
        headers.append((":path", answer.path))
    response.ok_response.headers.extend(map(option, headers))
    response.ok_response.headers_to_remove.extend(answer.headers_to_remove)
    told = map(option, answer.response_headers.items())
    response.ok_response.response_headers_to_add.extend(told)
    return response


def option(header: tuple[str, str]) -> HeaderValueOption:
    name, value = header
    made = HeaderValueOption(
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD, keep_empty_value=not value
    )
    made.header.key = name
    made.header.value = value
    return made


@given(ANSWERS)
def test_it_reads_back_as_what_generated_classes_say(answer: Allowed) -> None:
    assert CheckResponse.FromString(encode_allowed(answer)) == built_of_classes(answer)


def test_an_answer_that_changes_nothing_still_says_that_it_is_one() -> None:
    nothing = Allowed(metadata={"result": "allow"}, headers_to_set={}, headers_to_remove=[])

    read = CheckResponse.FromString(encode_allowed(nothing))

    assert encode_allowed(nothing)
    assert read.HasField("ok_response")
    assert read.HasField("status")
