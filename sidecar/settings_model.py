"""The settings by section, with their defaults; names and defaults are a contract with operators.

Values that stand here were checked by ``sidecar.settings.load``.  A section is frozen, and
carries its secrets as ``Secret``: none shows in a ``repr``.
"""

from typing import Annotated, Any, Literal

import msgspec

from sidecar.secret import Secret

DB_LESS = "off"  # the database.url that means: no database at all

RootKeySourceName = Literal["file", "environment", "vault-kv", "vault-transit", "aws-kms"]

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is kept. No url: a Postgres of our own in ``data_dir``."""

    url: Secret | None = None
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8  # connections per process
    migrate: bool = True

    @property
    def embedded(self) -> bool:
        """Whether we start a Postgres of our own."""
        return self.url is None

    @property
    def is_off(self) -> bool:
        """Whether there is none: everything is declared in a file."""
        return self.url == Secret(DB_LESS)


class Keyring(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the keyring, and where that comes from."""

    root_key_source: RootKeySourceName = "file"
    root_key_file: Text | None = None
    root_key_base64: Secret | None = None
    vault_url: Text | None = None
    vault_token: Secret | None = None
    vault_mount: Text | None = None  # None: what the engine is mounted at by default
    vault_path: Text | None = None
    vault_field: Text = "root_key"
    aws_region: Text | None = None  # None: as the AWS libraries find it
    aws_endpoint: Text | None = None
    recovery_public_key_file: Text | None = None
    declarative_private_key_file: Text | None = None  # opens sealed keys in declarative files
    rotate_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener shows, and asks of its clients. Without certificate and key: no TLS."""

    cert_file: Text | None = None
    key_file: Text | None = None
    client_ca_file: Text | None = None  # whose certificates a client must bring


class Authsvc(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling? Addresses are None where that face is off."""

    grpc: Text | None = "127.0.0.1:9191"
    http: Text | None = "127.0.0.1:9192"
    transport: Literal["fastlane", "grpcio"] = "fastlane"  # what carries authsvc.grpc
    tls: Tls = Tls()  # of authsvc.grpc
    max_connection_age: Annotated[int, msgspec.Meta(ge=1)] | None = None  # seconds
    workers: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 1  # processes; 0: one per core
    default_plugin: dict[str, Any] | None = msgspec.field(default_factory=dict)


class Analytics(msgspec.Struct, frozen=True, kw_only=True):
    """What happened? The access-log listener; None: off. What waits for one application id."""

    grpc: Text | None = "127.0.0.1:9193"
    spool_max_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**40)] = 2**30  # on disk; 0: no disk
    spool_max_age_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 168  # Moesif takes 30 days


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    """The Admin API; None: off. Without a token only loopback may reach it."""

    listen: Text | None = "127.0.0.1:8001"
    token_file: Text | None = None
    cors_origins: tuple[Text, ...] = ()  # such as https://admin.example.com
    reveal_keys: bool | None = None  # None: where it listens on loopback
    tls: Tls = Tls()


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """Health, readiness and metrics; None: off."""

    listen: Text | None = "127.0.0.1:9190"


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """How much is logged, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting. Relative paths are relative to the working directory."""

    data_dir: Text = "./var"
    database: Database = Database()
    declarative_config: Text | None = None
    keyring: Keyring = Keyring()
    authsvc: Authsvc = msgspec.field(default_factory=Authsvc)
    analytics: Analytics = Analytics()
    admin: Admin = Admin()
    diagnostics: Diagnostics = Diagnostics()
    log: Log = Log()
