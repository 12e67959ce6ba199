"""AWS KMS: the encrypted root key is in a file, and KMS decrypts it at each start.

``aws kms generate-data-key-without-plaintext --key-spec AES_256`` makes one: its
``CiphertextBlob``, in base64, is the file.  Who we are is found as AWS's libraries do: environment,
profile, or the machine's role.
"""

import asyncio
import base64
import binascii

from sidecar.errors import SettingsError, StartupError
from sidecar.secret import Secret

try:
    from aiobotocore.config import AioConfig  # type: ignore[import-untyped]  # ships no types
    from aiobotocore.session import get_session  # type: ignore[import-untyped]  # as above
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
except ImportError:
    raise SettingsError(
        "keyring.root_key_source: AWS KMS needs the extra: pip install 'tollkeeper[aws]'"
    ) from None

_SECONDS = 10  # for each call
_WITHIN = 30.0  # seconds, for all tries
_REFUSED = range(400, 500)


class AwsKms:
    """A ``RootKeySource``: the root key that a KMS key has encrypted."""

    def __init__(self, *, wrapped: str, region: str | None, endpoint: str | None) -> None:
        try:
            self._blob = base64.b64decode(wrapped, validate=True)
        except (binascii.Error, ValueError):
            raise SettingsError(
                "keyring.root_key_file: expected a CiphertextBlob of AWS KMS, in base64"
            ) from None
        self._region = region
        self._endpoint = endpoint

    async def fetch(self) -> Secret:
        """Return what the file decrypts to."""
        try:
            async with asyncio.timeout(_WITHIN):
                return await self._decrypt()
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = error.response.get("Error", {}).get("Code", "unknown")
            kind = SettingsError if status in _REFUSED else StartupError
            raise kind(f"keyring.root_key_source: AWS KMS does not decrypt it ({code})") from None
        except (BotoCoreError, TimeoutError, OSError) as error:
            name = type(error).__name__
            raise StartupError(
                f"keyring.root_key_source: AWS KMS cannot be asked ({name})"
            ) from None

    async def _decrypt(self) -> Secret:
        config = AioConfig(
            connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 2}
        )
        async with get_session().create_client(
            "kms", region_name=self._region, endpoint_url=self._endpoint, config=config
        ) as client:
            answer = await client.decrypt(CiphertextBlob=self._blob)
            return Secret(base64.b64encode(answer["Plaintext"]).decode())
