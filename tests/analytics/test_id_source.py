import pytest

from analytics.id_source import IdSource, parse_id_sources


def test_sources_are_read_in_order() -> None:
    assert parse_id_sources("tags:company:, metadata:org ,custom_id,username,id") == (
        IdSource("tags", "company:"),
        IdSource("metadata", "org"),
        IdSource("custom_id"),
        IdSource("username"),
        IdSource("id"),
    )


@pytest.mark.parametrize("text", ["", "tag:x", "tags", "tags:", "metadata", "id:x", "id,,id"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected custom_id"):
        parse_id_sources(text)
