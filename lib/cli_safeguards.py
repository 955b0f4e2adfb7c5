"""The declared policy, the signers and the signing key, as what serving, delivery and monitoring ask of versions."""

from __future__ import annotations

import getpass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import Settings

if TYPE_CHECKING:
    from lib.registry import Safeguards
    from lib.serving.app import Equipment


def safeguards(settings: Settings) -> Safeguards:
    """By MLOPS_SIGNERS, MLOPS_POLICY and MLOPS_SIGNING_KEY; raises ProvenanceError or PolicyError for a broken one."""
    from lib.errors import ProvenanceError
    from lib.governance.policy import policy_gates, read_policy
    from lib.governance.provenance import signed, signed_by
    from lib.registry import Safeguards
    from lib.registry.gates import artifact_digest, signature_compatible

    admit, key = signed_by(settings), settings.signing_key
    if key is not None and not key.is_file():
        raise ProvenanceError(f"there is no signing key {key} (MLOPS_SIGNING_KEY). `python -m lib provenance keys`.")
    signature = () if admit is None else (signed(admit.signers),)

    return Safeguards(
        admit=admit,
        trial=(artifact_digest(), signature_compatible(), *signature),
        release=(*signature, *(() if settings.policy is None else policy_gates(read_policy(settings.policy)))),
        sign=None if key is None else partial(_sign, key, settings),
    )


def _sign(key: Path, settings: Settings, name: str, version: int) -> None:
    """In the name of whoever runs this."""
    from lib.governance.provenance import sign_version

    sign_version(name, version, by=getpass.getuser(), private_key=key, settings=settings)


def admitting(settings: Settings) -> Equipment:
    """What a replica has, which is asked nothing but predictions: it reads only what is signed."""
    from lib.governance.provenance import signed_by
    from lib.serving.app import Equipment

    return Equipment(admit=signed_by(settings))
