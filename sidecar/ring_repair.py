"""The ring of a database, brought under another root key while the product may be down."""

from authsvc.recovery_key import RecoveryPrivateKey
from authsvc.ring_recovery import Recovered, recover_keys, rewrap_keys
from authsvc.root_key import RootKey
from sidecar.secret import Secret
from sidecar.settings import Settings
from sidecar.startup import existing_root_key, open_keyring


async def recover_ring(settings: Settings, private_key: Secret) -> Recovered:
    """Wrap every key that has a copy with the settings' root key.

    Raises:
        SettingsError, RootKeyError: The settings' root key cannot be read.
        RecoveryKeyError: That is no private key.
        StoreUnavailableError: The database is away.
    """
    private = RecoveryPrivateKey.from_pem(private_key.reveal())
    root_key = await existing_root_key(settings)
    async with open_keyring(settings) as store:
        return await recover_keys(store, private=private, root_key=root_key)


async def rewrap_ring(settings: Settings, new_root_key: Secret) -> int:
    """Wrap every key with a new root key; return how many there are.

    Raises:
        SettingsError, RootKeyError: One of them cannot be read, or the old one opens another ring.
        StoreUnavailableError: The database is away.
    """
    old, new = await existing_root_key(settings), RootKey.from_base64(new_root_key.reveal())
    async with open_keyring(settings) as store:
        return await rewrap_keys(store, old=old, new=new)
