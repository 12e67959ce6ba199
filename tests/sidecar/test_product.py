"""Which processes there are, and what each is told. Running: cli/test_run."""

import os
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from sidecar.control import Role
from sidecar.product import _specs, settings_of
from sidecar.secret import Secret
from sidecar.settings import Admin, Analytics, Authsvc, Keyring, Settings
from sidecar.startup import Prepared

PREPARED = Prepared(database_url=Secret("postgresql://h/d"), root_key=Secret("root"))
CORES = len(os.sched_getaffinity(0))

PROCESSES: dict[str, tuple[Settings, dict[str, int]]] = {
    "the defaults": (Settings(), {"authsvc": 1, "analytics": 1, "admin": 1}),
    "several workers": (
        Settings(authsvc=Authsvc(workers=3)),
        {"authsvc": 3, "analytics": 1, "admin": 1},
    ),
    "a worker per core": (
        Settings(authsvc=Authsvc(workers=0)),
        {"authsvc": CORES, "analytics": 1, "admin": 1},
    ),
    "one face of authsvc": (
        Settings(authsvc=Authsvc(grpc=None)),
        {"authsvc": 1, "analytics": 1, "admin": 1},
    ),
    "no authsvc": (
        Settings(authsvc=Authsvc(grpc=None, http=None, workers=3)),
        {"analytics": 1, "admin": 1},
    ),
    "authsvc only": (
        Settings(admin=Admin(listen=None), analytics=Analytics(grpc=None)),
        {"authsvc": 1},
    ),
}


@pytest.mark.parametrize("case", PROCESSES)
def test_each_role_that_listens_gets_its_processes(case: str) -> None:
    settings, expected = PROCESSES[case]
    specs = list(_specs(settings, Path("metrics"), PREPARED))
    assert Counter(spec.role for spec in specs) == expected
    assert len({spec.name for spec in specs}) == len(specs)


def test_only_who_opens_credentials_gets_the_root_key() -> None:
    specs = _specs(Settings(), Path("metrics"), PREPARED)
    assert {spec.role: spec.root_key for spec in specs} == {
        "authsvc": Secret("root"),
        "admin": Secret("root"),
        "analytics": None,
    }


def test_processes_give_notice_of_their_end_but_where_nobody_is_left() -> None:
    given = {spec.gives_notice for spec in _specs(Settings(), Path("metrics"), PREPARED)}
    not_given = _specs(Settings(), Path("metrics"), PREPARED, gives_notice=False)
    assert (given, {spec.gives_notice for spec in not_given}) == ({True}, {False})


def test_no_role_is_told_more_of_the_root_key_than_it_needs() -> None:
    keyring = Keyring(root_key_base64=Secret("canary"), vault_token=Secret("token"))
    told = {role: settings_of(role, Settings(keyring=keyring)).keyring for role in get_args(Role)}
    assert all(each.root_key_base64 is None for each in told.values())
    assert {role for role, each in told.items() if each.vault_token is not None} == {"admin"}
