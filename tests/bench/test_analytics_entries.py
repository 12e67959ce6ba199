"""The entries that the bench streams are what it says they are."""

from itertools import islice

import pytest
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage

from bench.analytics.entries import DISTINCT, Traffic, entry, messages
from bench.traffic import callers


def test_an_entry_is_rich() -> None:
    built = entry(123, callers()[5])
    assert 1200 <= built.ByteSize() <= 1350
    # Of 14 headers of the request four are told in fields of their own, and host by :authority.
    assert len([name for name in built.request.request_headers if name[0] != ":"]) == 9
    assert len(built.response.response_headers) == 8


@pytest.mark.parametrize("buffer_size", [16 * 1024, 1024 * 1024])
def test_a_message_leaves_when_the_buffer_is_full(buffer_size: int) -> None:
    message, entries = messages(buffer_size)[0]
    assert buffer_size <= len(message) < buffer_size + 2000 + 3 * entries
    assert len(StreamAccessLogsMessage.FromString(message).http_logs.log_entry) == entries


def test_no_request_id_comes_twice() -> None:
    made = messages(1024 * 1024)
    sent = [
        message
        for worker in (0, 1)
        for message, _ in islice(Traffic(made, worker=worker), 2 * len(made))
    ]
    ids = [
        each.request.request_id
        for message in sent
        for each in StreamAccessLogsMessage.FromString(message).http_logs.log_entry
    ]
    assert len(set(ids)) == len(ids) == 4 * DISTINCT
