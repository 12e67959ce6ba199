"""What an operator can mend is one line and an exit code; a fault of ours is neither."""

import pytest

from authsvc.errors import (
    DatabaseUrlError,
    KeyringError,
    PolicyError,
    RootKeyError,
    SchemaVersionError,
    StoreUnavailableError,
)
from sidecar.errors import (
    EmbeddedPostgresError,
    SettingsError,
    StartupError,
)
from sidecar.failures import FAILED, MISCONFIGURED, Explanation, explain

EXPLAINED: dict[str, tuple[BaseException, int]] = {
    "a setting": (SettingsError("x"), MISCONFIGURED),
    "a URL": (DatabaseUrlError(), MISCONFIGURED),
    "a root key": (RootKeyError("x"), MISCONFIGURED),
    "a schema": (SchemaVersionError("x"), MISCONFIGURED),
    "a plugin": (PolicyError({"x": "y"}), MISCONFIGURED),
    "a database that is away": (StoreUnavailableError("x"), FAILED),
    "something outside": (StartupError("x"), FAILED),
    "no Postgres": (EmbeddedPostgresError("x"), FAILED),
    "a sealed value": (KeyringError(), FAILED),
    "one of a group": (ExceptionGroup("g", [KeyError(), SettingsError("x")]), MISCONFIGURED),
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_it_is_explained(case: str) -> None:
    error, exit_code = EXPLAINED[case]
    explanation = explain(error)
    assert explanation is not None
    assert explanation.exit_code == exit_code
    assert explanation.text


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError("x"), ExceptionGroup("g", [KeyError()])]
)
def test_a_fault_of_ours_is_not_explained_away(error: BaseException) -> None:
    assert explain(error) is None


def test_the_explanation_is_one_line() -> None:
    assert explain(SettingsError("a\n b\r\n c")) == Explanation("a b c", MISCONFIGURED)


def test_an_error_without_a_text_is_called_by_its_name() -> None:
    assert explain(StoreUnavailableError()) == Explanation("StoreUnavailableError", FAILED)
