"""Everything authsvc raises, grouped by who is at fault.

No error carries a key, a ciphertext, a digest or a DSN: its text may be logged and shown.
"""


class AuthServiceError(Exception):
    """The root of this package's errors. Never raised itself."""


class StoreError(AuthServiceError):
    """Storing or finding did not work. Never raised itself."""


class StoreUnavailableError(StoreError):
    """The store did not answer in time, or not at all. Trying again later may work."""


class KeyRemovedError(StoreUnavailableError):
    """A value belongs to a key that is off the ring by now: load the ring, and make it again."""

    def __init__(self) -> None:
        super().__init__("a key that this was made with was removed; try again")


class UniqueViolationError(StoreError):
    """A write would have made two entities equal where they must differ.

    Attributes:
        fields: The names of the fields that collide, as the entity has them.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"another entity has the same {' and '.join(fields)}")
        self.fields = fields


class ForeignKeyViolationError(StoreError):
    """A write refers to an entity that does not exist.

    Attributes:
        field: The name of the referring field, such as ``consumer_id``.
    """

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} refers to nothing that exists")
        self.field = field


class EntityChangedError(StoreError):
    """The entity is not what it was when it was read; read it again."""

    def __init__(self) -> None:
        super().__init__("somebody else has written the entity meanwhile")


class UnstorableValueError(StoreError):
    """A write holds a value that no store can keep.

    Text with NUL or lone surrogates, a text in a unique field that is longer than an index takes,
    a number beyond 64 bits, an id that is not lower-case UUID text, a document that is not JSON.

    Attributes:
        field: The name of the field, as the entity has it.
    """

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} has a value that cannot be stored")
        self.field = field


class DatabaseUrlError(StoreError):
    """The database's URL is malformed. Says nothing of what it holds: there is a password in it."""

    def __init__(self) -> None:
        super().__init__("the database's URL is not a valid postgresql:// URL")


class SchemaVersionError(StoreError):
    """The database's schema is not one that this program can work with."""


class KeyringError(AuthServiceError):
    """A sealed value could not be opened.

    Has no subclasses: "wrong key", "tampered", "moved" and "truncated" must look the same.
    """

    def __init__(self) -> None:
        super().__init__("a sealed value could not be opened")


class KeyInUseError(StoreError):
    """A key cannot be taken off the ring: it is active, or rows are sealed under it."""


class RingChangedError(StoreError):
    """What was to be written belongs to a ring that is no longer so; read it again."""


class RotationRunningError(StoreError):
    """A rotation is under way; there is one at a time."""

    def __init__(self) -> None:
        super().__init__("a rotation is under way already")


class LeaseLostError(StoreError):
    """Another process has taken over what this one was doing."""

    def __init__(self) -> None:
        super().__init__("another process has taken the rotation over")


class RecoveryKeyError(AuthServiceError):
    """An RSA key, or what was encrypted to one, is malformed or does not fit."""


class SealedKeyError(AuthServiceError):
    """A sealed key of a declarative file, or a key of its pair, is malformed or does not fit."""


class RootKeyError(AuthServiceError):
    """The root key is missing, malformed, or not the one that wrapped the keyring."""


class PolicyError(AuthServiceError):
    """A plugin's configuration is not valid.

    Attributes:
        fields: Why, by field name (nested as in the configuration).
    """

    def __init__(self, fields: dict[str, object]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields
