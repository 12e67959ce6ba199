import pytest

from analytics.certificate import certificate_field
from tests.fakes.records import record

SUBJECT = r"CN=Doe\, Jane + OU=Payments,O=caf\C3\A9,2.5.4.97=NTR-1,C=,cn=second"

FIELDS = {
    "subject": SUBJECT,
    "uri_san": "spiffe://acme/billing",
    "subject.CN": "Doe, Jane",
    "subject.ou": "Payments",
    "subject.O": "caf\u00e9",
    "subject.2.5.4.97": "NTR-1",
    "subject.C": None,
    "subject.L": None,
}


@pytest.mark.parametrize(("name", "expected"), FIELDS.items(), ids=FIELDS)
def test_a_field_is_read(name: str, expected: str | None) -> None:
    built = record(
        peer_subject=SUBJECT,
        peer_uris=("spiffe://acme/billing", "spiffe://other"),
    )
    assert certificate_field(name)(built) == expected
    assert certificate_field(name)(record()) is None


@pytest.mark.parametrize(
    "name", ["", "san", "dns_san", "subject.", "subject.a b", "Subject.CN", "subject.\u0663"]
)
def test_what_is_no_field_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected uri_san"):
        certificate_field(name)
