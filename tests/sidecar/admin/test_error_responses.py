"""Errors as answers."""

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from authsvc.errors import KeyringError, StoreUnavailableError
from sidecar.admin.error_responses import problem_of
from sidecar.admin.problems import not_found

ANSWERS = {
    "a problem": (not_found(), 404, "Not found"),
    "no database": (StoreUnavailableError("db"), 503, "The database is unavailable"),
    "tampered": (KeyringError(), 500, "A stored value does not open"),
    "large": (web.HTTPRequestEntityTooLarge(1, 2), 413, "Payload too large"),
    "aiohttp's own": (web.HTTPNotFound(), 404, "Not found"),
    "another of aiohttp's": (web.HTTPForbidden(), 403, "Forbidden"),
}


@pytest.mark.parametrize(("error", "status", "message"), ANSWERS.values(), ids=ANSWERS)
def test_expected_errors_have_their_answers(error: Exception, status: int, message: str) -> None:
    with capture_logs() as logs:
        problem = problem_of(error)
    assert problem.status == status
    assert problem.body is not None
    assert problem.body["message"].startswith(message)
    assert not logs


def test_the_unexpected_is_logged_with_where_it_came_from_and_not_with_what_it_quotes() -> None:
    try:
        int("the-key")
    except ValueError as error:
        with capture_logs() as logs:
            problem = problem_of(error)
    assert problem.status == 500
    assert problem.body == {"message": "An unexpected error occurred"}
    assert logs[0]["error"] == "ValueError"
    assert "test_error_responses" in logs[0]["stack"]
    assert "'the-key'" not in str(logs[0]).replace('int("the-key")', "")
