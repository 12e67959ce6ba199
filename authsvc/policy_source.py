"""Reads what is configured from the stores and binds it into a book of policies."""

from authsvc.policy import KeyAuthConfig, PolicyBook, ReadAnnotation, nothing_wanted
from authsvc.store import E, EntityStore, Stores

_PAGE = 1000


async def read_all(store: EntityStore[E]) -> list[E]:
    """Return every entity of a store; for kinds of which there are few.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    entities: list[E] = []
    after: str | None = None
    while True:
        page = await store.page(size=_PAGE, after=after)
        entities.extend(page)
        if len(page) < _PAGE:
            return entities
        after = page[-1].id


async def load_policies(
    stores: Stores,
    *,
    default: KeyAuthConfig | None,
    annotation_of: ReadAnnotation = nothing_wanted,
) -> PolicyBook:
    """Return the policies of this moment; the arguments are those of ``PolicyBook.bind``.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    return PolicyBook.bind(
        default=default,
        plugins=await read_all(stores.plugins),
        routes=await read_all(stores.routes),
        services=await read_all(stores.services),
        annotation_of=annotation_of,
    )
