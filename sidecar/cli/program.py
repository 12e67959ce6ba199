"""The program: its commands, and how it ends.

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration.  Whatever a user or an operator can
mend is one line on stderr; only a fault of ours shows a traceback.
"""

import sys
from collections.abc import Sequence

import click

from sidecar.cli.lazy import Entry, LazyGroup

NAME = "tollkeeper"
_FAILED = 1
_MISUSED = 2

_COMMANDS = {
    "demo": Entry("sidecar.demo.command:demo", "Try the whole thing on this machine."),
    "run": Entry("sidecar.cli.run:run", "Run the product, or one role of it."),
    "migrate": Entry("sidecar.cli.migrate:migrate", "Bring the database's schema up to date."),
    "config": Entry("sidecar.cli.config:config", "Check or show the settings."),
    "envoy-config": Entry("sidecar.envoy_config.command:envoy_config", "Print an Envoy bootstrap."),
    "consumers": Entry("sidecar.cli.consumers:consumers", "Who may call: consumers."),
    "keys": Entry("sidecar.cli.keys:keys", "What they call with: API keys."),
    "acls": Entry("sidecar.cli.acls:acls", "The groups that consumers are in."),
    "tokens": Entry("sidecar.cli.tokens:tokens", "Who may administrate: tokens with roles."),
    "audit": Entry("sidecar.cli.audit:audit", "Who changed what, and whether that is untouched."),
    "import": Entry("sidecar.cli.import_file:import_file", "A declarative file into the database."),
    "export": Entry("sidecar.cli.export_file:export_file", "The database as a declarative file."),
    "openapi": Entry("sidecar.cli.openapi:openapi", "Print the Admin API's OpenAPI document."),
    "keyring": Entry("sidecar.cli.keyring:keyring", "What keys are sealed under: the keyring."),
    "plugins": Entry("sidecar.cli.plugins:plugins", "How requests are checked and reported."),
    "analytics": Entry("sidecar.cli.analytics:analytics", "What becomes of events; live events."),
}


@click.group(
    cls=LazyGroup, entries=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name=NAME, prog_name=NAME, message="%(prog)s %(version)s")
def program() -> None:
    """Encrypted API keys for Envoy, checked on every request, and every call as an event."""


def main() -> None:
    """Run the program and end the process."""
    sys.exit(run_program(sys.argv[1:]))


def run_program(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code.

    Raises:
        SystemExit: Whoever read our output has left: click ends with 1, quietly.
    """
    try:
        outcome = program.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _MISUSED
    except click.ClickException as error:
        return _complain(_usage(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", _FAILED)
    except Exception as error:  # noqa: BLE001 - the program's outermost boundary
        return _explained(error)
    # click returns the code of an early end, such as --help, and else what the command returns.
    return outcome if isinstance(outcome, int) else 0


def _explained(error: Exception) -> int:
    # Imported here: most runs do not fail.
    from sidecar.failures import explain  # noqa: PLC0415
    from sidecar.redaction import redact_text  # noqa: PLC0415

    explanation = explain(error)
    if explanation is None:
        raise error
    return _complain(redact_text(explanation.text), explanation.exit_code)


def _usage(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{text} (see {error.ctx.command_path} --help)"
    return text


def _complain(text: str, exit_code: int) -> int:
    click.echo(f"{NAME}: {text}", err=True)
    return exit_code
