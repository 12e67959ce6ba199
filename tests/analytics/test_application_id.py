import pytest

from analytics.application_id import ApplicationId


def test_an_application_id_does_not_show_itself() -> None:
    application = ApplicationId("eyJ-very-secret")
    shown = f"{application} {application!r} {[application]}"
    assert "secret" not in shown
    assert application.reveal() == "eyJ-very-secret"


def test_equal_ids_find_the_same_queue() -> None:
    assert {ApplicationId("one"): 1}[ApplicationId("one")] == 1
    assert ApplicationId("aaaaaaaaaaaa-tail") != ApplicationId("bbbbbbbbbbbb-tail")


@pytest.mark.parametrize(
    "value", ["", "a\r\nx: y", " padded", "nul\0", "zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"]
)
def test_what_cannot_be_a_header_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match=r"length|printable") as caught:
        ApplicationId(value)
    assert not value or value not in str(caught.value)


def test_a_digest_names_an_id_without_showing_it() -> None:
    digest = ApplicationId("canary").digest("here")
    assert digest == ApplicationId("canary").digest("here")
    assert len(digest) == 32
    assert (
        len({digest, ApplicationId("canary").digest("there"), ApplicationId("x").digest("here")})
        == 3
    )
    # What belongs to the context, and what to the id, cannot be moved from one to the other.
    assert ApplicationId("b c").digest("a") != ApplicationId("c").digest("a b")
