import gzip

import orjson

from analytics.encoding import encode_batch, encode_event

EVENTS = [{"request": {"verb": "GET", "uri": "https://h/\u2028?ü=1"}}, {"weight": 1}]


def test_a_batch_is_an_array_of_events_in_order() -> None:
    payload = encode_batch([encode_event(event) for event in EVENTS], compress=False)
    assert orjson.loads(payload.body) == EVENTS
    assert payload.encoding is None


def test_a_compressed_batch_is_gzip() -> None:
    payload = encode_batch([encode_event(event) for event in EVENTS], compress=True)
    assert payload.encoding == "gzip"
    assert orjson.loads(gzip.decompress(payload.body)) == EVENTS
