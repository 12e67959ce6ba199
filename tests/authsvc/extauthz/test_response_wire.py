"""What is written by hand is what protobuf would have written."""

from hypothesis import given
from hypothesis import strategies as st

from authsvc.answer import Allowed, Answer, Refused
from authsvc.denial import Denial
from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse, DeniedHttpResponse, HeaderValueOption
from authsvc.extauthz.response_wire import encode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["x" * 127, "x" * 128, "ü" * 600, "x" * 20_000]
)
HEADERS = st.dictionaries(TEXTS, TEXTS, max_size=6)
METADATA = st.dictionaries(TEXTS, st.booleans() | TEXTS, min_size=1, max_size=8)
ALLOWED = st.builds(
    Allowed,
    metadata=METADATA,
    headers_to_set=HEADERS,
    headers_to_remove=st.lists(TEXTS, max_size=6),
    path=st.none() | TEXTS,
    response_headers=HEADERS,
)
REFUSED = st.builds(
    Refused,
    metadata=METADATA,
    denial=st.builds(
        Denial,
        status=st.sampled_from([200, 400, 401, 403, 500, 503, 599]),
        headers=st.lists(st.tuples(TEXTS, TEXTS), max_size=4).map(tuple),
        body=TEXTS,
    ),
    kind=st.sampled_from(["deny", "error"]),
)
RPC_CODES = {400: 3, 401: 16, 403: 7, 500: 13, 503: 14}


def built_of_classes(answer: Answer) -> CheckResponse:
    response = CheckResponse()
    response.dynamic_metadata.update(answer.metadata)
    if isinstance(answer, Refused):
        denial = answer.denial
        http = DeniedHttpResponse(body=denial.body, headers=map(option, denial.headers))
        http.status.code = denial.status
        if answer.kind == "error":
            response.status.code = 14
            response.error_response.CopyFrom(http)
        else:
            response.status.code = RPC_CODES.get(denial.status, 7)
            response.denied_response.CopyFrom(http)
        return response
    response.status.code = 0
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


@given(ALLOWED | REFUSED)
def test_it_reads_back_as_what_generated_classes_say(answer: Answer) -> None:
    assert CheckResponse.FromString(encode(answer)) == built_of_classes(answer)


def test_an_answer_that_changes_nothing_still_says_that_it_is_one() -> None:
    nothing = Allowed(metadata={"result": "allow"}, headers_to_set={}, headers_to_remove=[])

    read = CheckResponse.FromString(encode(nothing))

    assert encode(nothing)
    assert read.HasField("ok_response")
    assert read.HasField("status")
