"""Whatever a database holds and a file says: importing it once is enough, and prune leaves it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.kinds import CREDENTIALS, Kind
from sidecar.declarative import parser
from sidecar.declarative.declaration import Declaration
from sidecar.transfer.conflicts import ImportConflictError
from sidecar.transfer.importing import carry_out
from sidecar.transfer.plan import WRITE_ORDER, make_plan
from tests.fakes.admin_api import sealer
from tests.fakes.imports import NOW, SteadyRing, Steps

SEALER = sealer()
TAGS = st.none() | st.lists(st.sampled_from("xy"), max_size=2)


@pytest.fixture(scope="module", autouse=True)
def _quick_digests() -> Iterator[None]:
    """A file's digest takes its time on purpose, and plays no part here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "digest_of", lambda _text: "")
        yield


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Return a file in which nothing is declared twice, but ids and names are anybody's."""
    ids = draw(st.permutations([f"0000000{n}-0000-4000-8000-000000000000" for n in range(6)]))

    def entity(**fields: Any) -> dict[str, Any]:
        given = {"id": ids.pop() if ids and draw(st.booleans()) else None, "tags": draw(TAGS)}
        return {name: value for name, value in (given | fields).items() if value is not None}

    def some(texts: str) -> list[str]:
        return draw(st.lists(st.sampled_from(texts), unique=True))

    keys = {key: draw(st.sampled_from("abc")) for key in some("123")}
    custom_ids = draw(st.permutations(["p", "q", None]))
    return {
        "consumers": [
            entity(
                username=username,
                custom_id=custom_ids.pop(),
                acls=[entity(group=group) for group in some("gh")],
                keyauth_credentials=[
                    entity(key=f"k{key}", ttl=draw(st.none() | st.integers(0, 99)))
                    for key, owner in keys.items()
                    if owner == username
                ]
                + [entity() for _ in range(draw(st.integers(0, 1)))],
            )
            for username in some("abc")
        ],
        "services": [
            entity(
                name=name,
                host="h",
                routes=[entity(name=f"r{name}")] if draw(st.booleans()) else [],
                plugins=[entity(name=draw(st.sampled_from(["key-auth", "key-auth-enc"])))],
            )
            for name in some("st")
        ],
    }


class Store:
    """A database in memory: rows by kind and id; what is deleted takes what belongs to it along."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {kind.name: {} for kind in WRITE_ORDER}
        self._kind: Kind[Any] = CREDENTIALS

    async def page(self, kind: Kind[Any], *, size: int, after: str | None = None) -> Sequence[Any]:
        found = self.rows[kind.name]
        return [found[each] for each in sorted(found) if after is None or each > after][:size]

    def bulk(self, kind: Kind[Any]) -> "Table":
        return Table(self, kind)


class Table:
    def __init__(self, store: Store, kind: Kind[Any]) -> None:
        self._store = store
        self._kind = kind

    async def put_all(self, entities: Sequence[Any]) -> None:
        rows = self._store.rows[self._kind.name]
        for entity in entities:
            rows[entity.id] = entity
        for names in self._kind.unique[1:]:
            values = [tuple(getattr(each, name) for name in names) for each in rows.values()]
            said = [value for value in values if any(part is not None for part in value)]
            assert len(set(said)) == len(said), "what must be unique is not"

    async def delete_all(self, ids: Sequence[str]) -> None:
        for each in ids:
            self._store.rows[self._kind.name].pop(each, None)
            for kind in WRITE_ORDER:
                for name, reference in kind.references.items():
                    if reference.to == self._kind.name and reference.cascades:
                        rows = self._store.rows[kind.name]
                        gone = [
                            row for row, entity in rows.items() if getattr(entity, name) == each
                        ]
                        await Table(self._store, kind).delete_all(gone)


def declared(file: dict[str, Any]) -> Declaration:
    return parser.parse_declaration(json.dumps({"_format_version": "3.0", **file}), now=NOW)


async def load(store: Store, file: Declaration, *, prune: bool, now: int = NOW) -> bool:
    """Import a file; tell whether there was anything to do."""
    plan = await make_plan(file, store, sealer=SEALER, now=now, prune=prune)
    await carry_out(plan, store, ring=SteadyRing(SEALER), progress=Steps())
    return any(each.puts or each.deleted for each in plan.values())


def state(store: Store) -> dict[str, list[Any]]:
    """Return what there is, without what differs each time: ciphertexts, random ids and keys."""
    return {
        name: sorted(
            repr(replace(each, sealed_key=b"") if name == "credentials" else each)
            for each in rows.values()
        )
        for name, rows in store.rows.items()
    }


@given(files(), files(), st.booleans())
async def test_an_import_of_the_same_again_has_nothing_to_do(
    first: dict[str, Any], second: dict[str, Any], prune: bool
) -> None:
    store = Store()
    await load(store, declared(first), prune=False)
    untouched = state(store)
    wanted = declared(second)
    try:
        await load(store, wanted, prune=prune)
    except ImportConflictError:
        assert state(store) == untouched
        return
    after = state(store)
    # Keys that the file leaves open are others each time that it is read.
    assert not await load(store, declared(second), prune=prune)
    assert state(store) == after
    if prune:
        assert {name: len(rows) for name, rows in store.rows.items()} == {
            kind.name: len(getattr(wanted, kind.name)) for kind in WRITE_ORDER
        }
