"""`python -m lib provenance`: keys of a signer, signatures of versions, and what an environment is made of."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.settings import Settings


def add_provenance(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What the registry's versions and this environment come from."""
    provenance = commands.add_parser("provenance", help="sign and verify model versions; list what is installed")
    kinds = provenance.add_subparsers(required=True, metavar="ACTION")
    keys = kinds.add_parser("keys", help="make a signer's pair of keys")
    keys.set_defaults(run=_keys)
    keys.add_argument("folder", type=Path, help="for both; the private one stays there")
    sign = kinds.add_parser("sign", help="vouch for the files of a registered version")
    sign.set_defaults(run=_sign)
    sign.add_argument("--key", type=Path, required=True, help="the private key")
    sign.add_argument("--by", required=True, help="your name")
    verify = kinds.add_parser("verify", help="who signed a version, its files checked now")
    verify.set_defaults(run=_verify)
    verify.add_argument("--signer", type=Path, nargs="+", required=True, metavar="KEY", help="public keys that count")
    for kind in (sign, verify):
        kind.add_argument("model")
        kind.add_argument("version", type=int)
        kind.add_argument("--root", type=Path, help="where the stores lie (settings: root)")
    sbom = kinds.add_parser("sbom", help="write the bill of materials; exit code 1 for what no lock names")
    sbom.set_defaults(run=_sbom)
    sbom.add_argument("--to", type=Path, default=Path("out", "sbom.json"))
    sbom.add_argument("--lock", type=Path, help="compare with this lock")


def _keys(options: argparse.Namespace) -> int:
    from lib.governance.signing_keys import read_public_key, write_signing_keys

    private, public = write_signing_keys(options.folder)
    print(f"{private} signs and stays there; hand out {public}: {read_public_key(public)}")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from lib.governance.provenance import sign_version

    statement = sign_version(
        options.model, options.version, by=options.by, private_key=options.key, settings=_settings(options)
    )
    print(f"version {statement.version} of {statement.name} is signed: {statement.digest}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from lib.governance.provenance import verify_version
    from lib.governance.signing_keys import read_public_key

    signers = [read_public_key(path) for path in options.signer]
    statement = verify_version(options.model, options.version, signers=signers, settings=_settings(options))
    print(statement.model_dump_json(indent=1))
    return 0


def _sbom(options: argparse.Namespace) -> int:
    from lib.governance.sbom import outside_lock, packages, write_sbom

    bill = write_sbom(options.to)
    print(f"{options.to} lists {len(packages(bill))} packages.")
    outside = outside_lock(bill, options.lock.read_text("utf-8")) if options.lock else []
    for each in outside:
        print(each)
    return int(bool(outside))


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings()
    return settings if options.root is None else settings.model_copy(update={"root": options.root})
