"""The two halves of a signer's key: the private one signs and stays with its owner, the public one is handed out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from lib.errors import ProvenanceError

PRIVATE, PUBLIC = "signing_key.pem", "signing_key.pub"


@dataclass(frozen=True)
class PublicKey:
    """Whose signatures are believed; `name` is for people, the key itself decides."""

    name: str
    pem: bytes = field(repr=False)

    def __str__(self) -> str:
        """Name and fingerprint."""
        return f"{self.name} (SHA-256 {hashlib.sha256(self.pem).hexdigest()[:16]})"


def write_signing_keys(folder: Path) -> tuple[Path, Path]:
    """Make a fresh pair in `folder`, the private half for its owner alone; returns the files, private first.

    Raises ProvenanceError where there is a key already: what it signed would be a stranger's.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / PRIVATE, folder / PUBLIC
    folder.mkdir(parents=True, exist_ok=True)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secret)
    except FileExistsError as error:
        raise ProvenanceError(
            f"{private} is there already. Keep it, or make the new keys in another folder."
        ) from error
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def read_public_key(path: Path) -> PublicKey:
    """A signer's public key from its PEM file; raises ProvenanceError for anything else, a private key above all."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        pem = path.read_bytes()
        key = serialization.load_pem_public_key(pem)
    except (OSError, ValueError) as error:
        raise ProvenanceError(
            f"{path} is no public key in PEM: {error}. Name the file {PUBLIC} of a signer."
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ProvenanceError(f"{path} is a {type(key).__name__}, and models are signed with elliptic keys.")
    return PublicKey(path.stem, pem)
