"""Both contenders of the bench make the same events, which also holds ours to an obvious one."""

import json

from google.protobuf.json_format import MessageToDict

from analytics.codec import Decoder
from analytics.config_fields import parse_moesif_config
from analytics.event import EventMaker
from analytics.masking import CredentialNames
from analytics.record import Sender
from bench.analytics import plain
from bench.analytics.entries import LOG_NAME, NODE, entry, message_of
from bench.analytics.plugin import configuration
from bench.traffic import callers

SENDER = {"node": {"id": NODE}, "log_name": LOG_NAME}


def test_the_contenders_make_the_same_events() -> None:
    config = parse_moesif_config(configuration("an-application-id", collector_port=1))
    maker = EventMaker(config, CredentialNames(["apikey"]))
    decoder = Decoder()
    for number in (0, 1, 7, 10, 999, 1500):
        built = entry(number, callers()[number])
        logged = MessageToDict(built, preserving_proto_field_name=True)
        expected = plain.event(logged, SENDER)
        # The second time what comes again is remembered.
        for _ in range(2):
            (portion,) = decoder.decode(message_of([built]), received=1)
            (record,) = portion.records
            assert record.verdict is not None
            transaction_id = record.verdict.transaction_id or ""
            made = maker.make(record, Sender(NODE, "edge", LOG_NAME), transaction_id)
            assert json.loads(made) == expected
