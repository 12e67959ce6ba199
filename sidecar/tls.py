"""TLS of our listeners, and of the Admin API's client: what is shown, and who is trusted.

Errors name the setting or the option, and never show what a file holds.
"""

import ssl
from collections.abc import Sequence

from sidecar.errors import SettingsError
from sidecar.settings_model import Tls

# OpenSSL would ask on the terminal for the password of a key that has one; this one is wrong.
_NO_PASSWORD = ""


def server_context(
    *,
    cert_file: str | None,
    key_file: str | None,
    client_ca_file: str | None,
    name: str,
    protocols: Sequence[str] = (),
) -> ssl.SSLContext | None:
    """Return how a server speaks TLS, None: it does not. ``name`` is the settings' section.

    ``protocols`` are agreed on by ALPN, the first that the client knows.

    With a ``client_ca_file`` only clients with a certificate of one of its authorities come in.

    Raises:
        SettingsError: A file is missing, cannot be read, or does not fit the other.
    """
    if cert_file is None and key_file is None:
        if client_ca_file is not None:
            raise SettingsError(f"{name}.client_ca_file: needs cert_file and key_file as well")
        return None
    if cert_file is None or key_file is None:
        raise SettingsError(f"{name}: cert_file and key_file belong together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # as HTTP/2 wants: RFC 9113, section 9.2.1
    if protocols:
        context.set_alpn_protocols(list(protocols))
    _load_pair(context, cert_file, key_file, name=f"{name}.cert_file and {name}.key_file")
    if client_ca_file is not None:
        _trust(context, client_ca_file, name=f"{name}.client_ca_file")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def admin_tls(tls: Tls) -> ssl.SSLContext | None:
    """Return how the Admin API speaks TLS, None: it does not.

    Raises:
        SettingsError: A file is missing, or cannot be used.
    """
    return _context_of(tls, name="admin.tls")


def authsvc_tls(tls: Tls) -> ssl.SSLContext | None:
    """Return how ``authsvc.grpc`` speaks TLS, None: it does not.

    Raises:
        SettingsError: A file is missing, or cannot be used.
    """
    return _context_of(tls, name="authsvc.tls", protocols=("h2",))


def client_context(*, ca_file: str | None, cert_file: str | None) -> ssl.SSLContext:
    """Return whom a client trusts, and what it shows; ``cert_file`` also holds the key.

    Raises:
        SettingsError: A file cannot be used.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        _trust(context, ca_file, name="--ca-file")
    if cert_file is not None:
        _load_pair(context, cert_file, None, name="--client-cert-file")
    return context


def _context_of(tls: Tls, *, name: str, protocols: Sequence[str] = ()) -> ssl.SSLContext | None:
    return server_context(
        cert_file=tls.cert_file,
        key_file=tls.key_file,
        client_ca_file=tls.client_ca_file,
        name=name,
        protocols=protocols,
    )


def _load_pair(context: ssl.SSLContext, cert: str, key: str | None, *, name: str) -> None:
    try:
        context.load_cert_chain(cert, key, password=_NO_PASSWORD)
    except ssl.SSLError:
        raise SettingsError(f"{name}: not a certificate and its key, in PEM, unlocked") from None
    except (OSError, ValueError):
        raise SettingsError(f"{name}: a file cannot be read") from None


def _trust(context: ssl.SSLContext, path: str, *, name: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise SettingsError(f"{name}: holds no certificate in PEM") from None
    except (OSError, ValueError):
        raise SettingsError(f"{name}: the file cannot be read") from None
