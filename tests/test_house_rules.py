"""The rules of CONTRIBUTING.md that no linter knows.

Every exception stands in a table with its reason, and a test fails when it is no longer needed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("sidecar", "authsvc", "analytics")
WRITTEN = (*PACKAGES, "bench", "tests")
GENERATED = "pb"  # folders of protoc's output

# Lines of a file and of a function. In tests a table of cases may be long, and still reads well.
LIMITS = dict.fromkeys((*PACKAGES, "bench"), (300, 40)) | {"tests": (500, 60)}

BANNED_NAMES = {"utils", "util", "helpers", "common", "base", "core", "misc", "manager"}

# path, or path::function -> why it may be longer
LONG = {
    "tests/analytics/test_codec.py::test_every_field_is_read_from_where_envoy_puts_it": (
        "one line per field, and nothing else"
    ),
    "analytics/entry.py::_record": "one line per field of an entry, and nothing else",
    "analytics/entry_wire.py::_record": "one line per field of an entry, and nothing else",
}

# Where a secret is shown to those who need it: `reveal` of a key, a sealed key, or a setting.
REVEALS = {
    "analytics/moesif.py": "the application id, in the header that the collector asks for",
    "analytics/shelves.py": "the application id, to be called by its digest on disk",
    "authsvc/prefixed_key.py": "a checksum over the key, before any look-up",
    "authsvc/resolver.py": "the key's length, before it is digested",
    "authsvc/sealed_key.py": "the crypto itself: a key is sealed for a declarative file",
    "authsvc/sealing.py": "the crypto itself: digest, seal, open, compare",
    "sidecar/admin/guard.py": "the Admin API's token, to compare with what was sent",
    "sidecar/admin/key_format.py": "a generated key is sealed like a given one",
    "sidecar/admin/key_auth_enc.py": "the Admin API shows a key to who may see it",
    "sidecar/admin_client.py": "the Admin API's token, in the command line's requests",
    "sidecar/app.py": "the composition root: the database address",
    "sidecar/roles/opening.py": "the composition root: the root key",
    "sidecar/declarative/encoding.py": "declared keys on their way to another process of ours",
    "sidecar/declarative/declaration.py": "keys of a file are told apart by a digest of the moment",
    "sidecar/cli/export_file.py": "an export shows keys to whoever has the root key",
    "sidecar/cli/replay.py": "the application id, out of the file that the caller gives",
    "sidecar/declarative/rendering.py": "the Admin API shows what is declared to admins",
    "sidecar/demo/guide.py": "the demo's key, in the lines to paste",
    "sidecar/demo/seed.py": "the application id, in the plugin that the demo configures",
    "sidecar/keyring_checks.py": "keys are checked, and never shown",
    "sidecar/ring_repair.py": "a new root key, or the recovery private key, to write the ring anew",
    "sidecar/ring_opening.py": "the root key of a vault, to try it on the ring",
    "sidecar/root_key_sources/choice.py": "the root key is checked, its encrypted form handed on",
    "sidecar/root_key_sources/vault.py": "the vault's token, to be let in by",
    "sidecar/sealed_keys.py": "what opens sealed keys, and what they open to",
    "sidecar/secret_coding.py": "the settings for a child process, over the control socket",
    "sidecar/settings_checks.py": "settings are checked, and never shown",
    "sidecar/settings_sources.py": "a secret that was given as a file takes its variable's place",
    "sidecar/transfer/database_access.py": "the composition of what imports and exports work on",
    "sidecar/transfer/plan.py": "a stored key is compared with the file's",
    "sidecar/startup.py": "the composition of what must be there before any role",
}

# path::function -> why nothing narrower will do there
BLANKET_EXCEPTS = {
    "analytics/batch_sender.py::_post": "a fault must not end the delivery of all that follows",
    "analytics/disk_thread.py::_outcome": "the error belongs to whoever handed the work over",
    "analytics/bodies/rendering.py::_members": "what strangers send must not cost their events",
    "analytics/intake.py::_offer": "one entry must not end a stream of thousands",
    "authsvc/extauthz/fastlane/call_tasks.py::_await": "the boundary: one call, not the connection",
    "authsvc/extauthz/fastlane/call_tasks.py::_serve": "the boundary: one call, not the connection",
    "authsvc/extauthz/fastlane/calls.py::prompt": "the boundary: one call, not the connection",
    "authsvc/extauthz/checks.py::_answer": "the face: a denial, never a failed rpc",
    "authsvc/extauthz/checks.py::_ask": "the face: a denial, never a failed rpc",
    "authsvc/extauthz/http.py::check": "the face: a denial, never a broken answer",
    "authsvc/extauthz/http_listener.py::first_load": "who waits must not wait for ever",
    "authsvc/governance.py::may_govern": "a fault in rules must not refuse a request",
    "authsvc/governance.py::govern": "a fault in rules must not refuse a request",
    "authsvc/follower.py::_follow": "a worker must not go on trusting its memory after a fault",
    "sidecar/admin/boundary.py::boundary": "the face: every error ends in an answer",
    "sidecar/cli/program.py::run_program": "the outermost boundary: one line, an exit code",
    "sidecar/declarative/file.py::_read": "a fault in reading must not end the watching",
    "sidecar/declarative/stores.py::_follow": "logged and raised: the role is not ready any more",
    "sidecar/redaction.py::_representation": "a foreign repr must not cost a log line",
    "sidecar/worker.py::_be": "the outermost boundary of a process",
}

PRINTING = ("sidecar/cli/", "bench/")

TEXT_SUFFIXES = {".cfg", ".json", ".md", ".proto", ".py", ".pyi", ".sh", ".sql", ".toml", ".yaml"}
TEXT_FOLDERS = (*WRITTEN, "deploy", "docs", "proto", ".ci")
# A home, or a checkout, of somebody's machine; `/home/you` stands for anybody's.
MACHINE_PATH = re.compile(r"/(?:home|Users|root|work|mnt|media)/(?!you\b)[\w.-]+")


def sources(*folders: str) -> list[Path]:
    """Return the hand-written Python files below folders of the project."""
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if GENERATED not in path.relative_to(ROOT).parts
    ]


def name_of(path: Path) -> str:
    """Return a path as it is written in the tables above."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a tree, methods and inner ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def docstring_lines(tree: ast.AST) -> int:
    """Return how many lines the docstrings within a tree take."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    strings = [
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    ]
    return sum(string.end_lineno - string.lineno + 1 for string in strings)


def lengths() -> dict[str, tuple[int, int]]:
    """Return the lines without docstrings, and their limit, of every file and function."""
    found = {}
    for path in sources(*LIMITS):
        tree = parse(path)
        of_file, of_function = LIMITS[path.relative_to(ROOT).parts[0]]
        lines = len(path.read_text().splitlines()) - docstring_lines(tree)
        found[name_of(path)] = (lines, of_file)
        for function in functions(tree):
            lines = function.end_lineno - function.lineno + 1 - docstring_lines(function)
            found[f"{name_of(path)}::{function.name}"] = (lines, of_function)
    return found


def calls_to_reveal() -> set[str]:
    """Return the files that call a method named ``reveal``."""
    return {
        name_of(path)
        for path in sources(*PACKAGES)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr == "reveal"
    }


def blanket_excepts() -> set[str]:
    """Return the innermost functions that catch everything."""
    found = set()
    for path in sources(*PACKAGES):
        tree = parse(path)
        owners = {
            handler: function.name  # the innermost function comes last
            for function in functions(tree)
            for handler in ast.walk(function)
            if isinstance(handler, ast.ExceptHandler)
        }
        for handler in ast.walk(tree):
            if isinstance(handler, ast.ExceptHandler) and catches_everything(handler):
                found.add(f"{name_of(path)}::{owners.get(handler, '')}")
    return found


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler stands for any exception."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in caught
    )


def test_files_and_functions_are_short() -> None:
    too_long = {name for name, (lines, limit) in lengths().items() if lines > limit}
    assert too_long == set(LONG)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_a_package_has_an_init_file(package: str) -> None:
    # Without one, import-linter does not see what is inside, and its contracts hold vacuously.
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert not {name_of(folder) for folder in folders if not (folder / "__init__.py").exists()}


def test_modules_are_named_for_what_they_hold() -> None:
    parts = {part for path in sources(*WRITTEN) for part in path.relative_to(ROOT).parts}
    named = {part.removesuffix(".py") for part in parts}
    assert not named & BANNED_NAMES


def test_only_the_command_line_and_the_bench_print() -> None:
    printing = {
        name_of(path)
        for path in sources(*WRITTEN)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Name) and node.id == "print"
    }
    assert not {name for name in printing if not name.startswith(PRINTING)}


def test_secrets_are_revealed_only_where_the_table_says_why() -> None:
    assert calls_to_reveal() == set(REVEALS)


def test_everything_is_caught_only_where_the_table_says_why() -> None:
    assert blanket_excepts() == set(BLANKET_EXCEPTS)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    named = {
        name_of(path): MACHINE_PATH.findall(path.read_text())
        for folder in TEXT_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in TEXT_SUFFIXES and path != Path(__file__)
    }
    named |= {
        path.name: MACHINE_PATH.findall(path.read_text())
        for path in ROOT.iterdir()
        if path.suffix in TEXT_SUFFIXES or path.name == "Makefile"
    }
    assert not {name: found for name, found in named.items() if found}
