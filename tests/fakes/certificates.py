"""A certificate authority for tests, and what it signs."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files; ``both`` holds the two."""

    cert: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates for 127.0.0.1 and localhost; its files are in a folder of the test's."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._certificate(self._name, self._key.public_key(), is_authority=True)
        self.cert = folder / f"{name}.pem"
        self.cert.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, organization: str | None = None, uri: str | None = None) -> Pair:
        """Write a certificate and its key; the URI is one of its alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = {NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: name}
        subject = x509.Name(
            [x509.NameAttribute(oid, text) for oid, text in attributes.items() if text]
        )
        cert = self._certificate(subject, key.public_key(), is_authority=False, uri=uri)
        cert_pem = cert.public_bytes(serialization.Encoding.PEM)
        key_pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        pair = Pair(*(self._folder / f"{name}.{end}" for end in ("crt", "key", "both")))
        for path, content in {
            pair.cert: cert_pem,
            pair.key: key_pem,
            pair.both: cert_pem + key_pem,
        }.items():
            path.write_bytes(content)
            path.chmod(0o600)
        return pair

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        is_authority: bool,
        uri: str | None = None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        names += [] if uri is None else [x509.UniformResourceIdentifier(uri)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())
