"""One credential, of a port that is asked for many."""

from authsvc.store import Directory, KnownCredential


async def find_credential(directory: Directory, digest: bytes) -> KnownCredential | None:
    return (await directory.find_credentials([digest])).get(digest)
