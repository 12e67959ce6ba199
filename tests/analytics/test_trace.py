import pytest

from analytics.trace import Trace, find_trace

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "05e3ac9a4f6e3b90"
FOUND = Trace(TRACE, SPAN)

HEADERS: dict[str, tuple[dict[str, str], Trace | None]] = {
    "none": ({}, None),
    "traceparent": ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, FOUND),
    "a later version": ({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}, FOUND),
    "no version": ({"traceparent": f"ff-{TRACE}-{SPAN}-01"}, None),
    "upper case": ({"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"}, None),
    "cut off": ({"traceparent": f"00-{TRACE}-{SPAN}"}, None),
    "no trace": ({"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, None),
    "no span": ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
    "b3": ({"b3": f"{TRACE}-{SPAN}-1-{PARENT}"}, Trace(TRACE, SPAN, PARENT)),
    "b3 without more": ({"b3": f"{TRACE}-{SPAN}"}, FOUND),
    "b3 for debugging": ({"b3": f"{TRACE}-{SPAN}-d"}, FOUND),
    "b3 of 64 bits": ({"b3": f"{PARENT}-{SPAN}"}, Trace(PARENT, SPAN)),
    "b3 that says only no": ({"b3": "0"}, None),
    "b3 in several headers": (
        {"x-b3-traceid": TRACE.upper(), "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT},
        Trace(TRACE, SPAN, PARENT),
    ),
    "b3 in two headers": ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}, FOUND),
    "b3 without a span": ({"x-b3-traceid": TRACE}, None),
    "both": ({"traceparent": f"00-{TRACE}-{SPAN}-01", "b3": f"{PARENT}-{SPAN}"}, FOUND),
    "a bad one and a good one": ({"traceparent": "x", "b3": f"{TRACE}-{SPAN}"}, FOUND),
}


@pytest.mark.parametrize(("headers", "expected"), HEADERS.values(), ids=HEADERS)
def test_the_trace_is_found(headers: dict[str, str], expected: Trace | None) -> None:
    assert find_trace(headers) == expected
