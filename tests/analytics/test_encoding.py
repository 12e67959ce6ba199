import gzip

import orjson
import pytest

from analytics.encoding import compress_events, encode_batch, encode_event, open_events

EVENTS = [{"request": {"verb": "GET", "uri": "https://h/\u2028?ü=1"}}, {"weight": 1}]


def test_a_batch_is_an_array_of_events_in_order() -> None:
    payload = encode_batch([encode_event(event) for event in EVENTS], compress=False)
    assert orjson.loads(payload.body) == EVENTS
    assert payload.encoding is None


def test_a_compressed_batch_is_gzip() -> None:
    payload = encode_batch([encode_event(event) for event in EVENTS], compress=True)
    assert payload.encoding == "gzip"
    assert orjson.loads(gzip.decompress(payload.body)) == EVENTS


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_compressed_batch_is_taken_apart_as_it_was_put_together(count: int) -> None:
    events = [b'{"n":%d}' % number for number in range(count)]
    body = compress_events(events)
    assert open_events(body) == events
    assert orjson.loads(gzip.decompress(body)) == [{"n": number} for number in range(count)]
