"""Ed25519 signatures, by the library `cryptography`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from lpsr_core.errors import LpsrError, MissingExtraError, UsageError


class Signer(Protocol):
    """Signs bytes."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature."""


def open_signer(path: Path) -> Signer:
    """A private key from a PEM file; a missing one is made, readable by its owner alone, with `.pub` beside it.

    Raises:
        MissingExtraError: cryptography is not installed.
        UsageError: the file is no Ed25519 key.
        LpsrError: it cannot be made or read.
    """
    library, keys = _library()
    public = path.with_name(path.name + ".pub")
    try:
        if not path.exists():
            made = keys.Ed25519PrivateKey.generate()
            data = made.private_bytes(library.Encoding.PEM, library.PrivateFormat.PKCS8, library.NoEncryption())
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(data)
        key = library.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, keys.Ed25519PrivateKey):
            raise ValueError("another kind of key")
        if not public.exists():
            shown = key.public_key().public_bytes(library.Encoding.PEM, library.PublicFormat.SubjectPublicKeyInfo)
            public.write_bytes(shown)
    except OSError as error:
        raise LpsrError(f"{path}: the key cannot be made or read: {error.strerror or error}") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: not a private Ed25519 key in PEM: {error}") from None
    signer: Signer = key
    return signer


class Verifier:
    """Checks signatures with a public key.

    Args:
        path: PEM file of the key.

    Raises:
        MissingExtraError: cryptography is not installed.
        UsageError: there is no such file, or it is no public Ed25519 key.
    """

    def __init__(self, path: Path) -> None:
        library, keys = _library()
        try:
            self._key: Any = library.load_pem_public_key(path.read_bytes())
            if not isinstance(self._key, keys.Ed25519PublicKey):
                raise ValueError("another kind of key")
        except FileNotFoundError:
            raise UsageError(f"{path}: no such file; give the .pub beside the key that signed") from None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
        except (ValueError, TypeError) as error:
            raise UsageError(f"{path}: not a public Ed25519 key in PEM: {error}") from None

    def holds(self, signature: bytes, data: bytes) -> bool:
        """Whether a signature is of these bytes and this key."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingExtraError("cryptography", "evidence") from None
    return serialization, ed25519
