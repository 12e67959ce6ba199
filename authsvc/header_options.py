"""The options in a header's value, as in ``form-data; name="a"``."""

from collections.abc import Mapping


def options_of(value: str) -> Mapping[str, str]:
    """Return the options by name; none if there are none."""
    # Late, as in ``authsvc.body``: the library brings all along that it takes to keep files, a
    # megabyte in each worker, and most never see such a body.
    import multipart  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types

    options: dict[str, str] = multipart.parse_options_header(value)[1]
    return options
