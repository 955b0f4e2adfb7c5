"""`python -m lib privacy`: find personal data, say how well that works, and erase a person on request."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lib.errors import DataError
from lib.settings import Settings


def add_privacy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Each prints counts and places, never what was found."""
    privacy = commands.add_parser("privacy", help="find personal data; erase a person and prove it")
    kinds = privacy.add_subparsers(required=True, metavar="ACTION")
    scan = kinds.add_parser("scan", help="what is personal in tables and logs; exit code 1 when anything is")
    scan.set_defaults(run=_scan)
    scan.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".csv and .parquet as tables, else by lines")
    score = kinds.add_parser("score", help="recall and precision on made-up texts, by kind and language")
    score.set_defaults(run=_score)
    score.add_argument("--texts", type=int, default=1_000, help="in each language")
    score.add_argument("--seed", type=int, default=0)
    keys = kinds.add_parser("keys", help="draw the keys of pseudonyms that several servers share, once")
    keys.set_defaults(run=_keys)
    keys.add_argument("file", type=Path)
    erase = kinds.add_parser("erase", help="erase whom the identifiers on standard input belong to, one a line")
    erase.set_defaults(run=_erase)
    erase.add_argument("--request", required=True, help="the number of the request, for the receipt")
    erase.add_argument("--by", required=True, help="your name, for the receipt")
    erase.add_argument("--root", type=Path, help="the workspace (settings: root)")
    erase.add_argument("--store", type=Path, help="the file of a prediction store that nobody has open")
    erase.add_argument("--reports", type=Path, nargs="*", default=[], help="folders and files of reports")


def _scan(options: argparse.Namespace) -> int:
    import pandas as pd

    from lib.governance.privacy_scan import scan_frame, scan_log

    any_found = False
    for file in options.files:
        try:
            if file.suffix == ".csv":
                found = scan_frame(pd.read_csv(file))
            else:
                found = scan_frame(pd.read_parquet(file)) if file.suffix == ".parquet" else scan_log([file])
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read as a table: {error}. Name another.") from error
        any_found = any_found or bool(found)
        said = "\n".join(f"{file}: {each}" for each in found)
        print(said or f"{file}: nothing found; names in prose are not looked for")
    return int(any_found)


def _score(options: argparse.Namespace) -> int:
    from lib.governance.privacy_score import score, score_table

    print(score_table(score(texts=options.texts, seed=options.seed)))
    print("Names have no form: without a language model they are not found, and neither are addresses.")
    return 0


def _keys(options: argparse.Namespace) -> int:
    from lib.governance.privacy_pseudonyms import ensure_keys

    keys = ensure_keys(options.file)
    print(f"{options.file} holds {len(keys.keys)}, {keys.current} being the current one; its owner alone may read it.")
    return 0


def _erase(options: argparse.Namespace) -> int:
    from lib.features import FeatureStore
    from lib.governance.privacy_erase import Erasure, Places, erase
    from lib.governance.privacy_person import person
    from lib.governance.privacy_pseudonyms import read_keys
    from lib.governance.trail import PLACE, open_trail

    settings = Settings()
    if options.root is not None:
        settings = settings.model_copy(update={"root": options.root})
    trail = open_trail(settings.root / PLACE)

    def kept(receipt: Erasure) -> None:
        counts = receipt.model_dump(include={"rows", "cells", "events", "online", "predictions"})
        trail.add("erased", by=receipt.by, request=receipt.request, **counts, files_left=len(receipt.left))

    keys = read_keys(settings.pseudonym_key_file) if settings.pseudonym_key_file.exists() else None
    who = person([line for line in sys.stdin.read().splitlines() if line.strip()], keys=keys)
    predictions = settings.prediction_folder
    with FeatureStore(settings) as features:
        places = Places(
            root=settings.root, features=features if settings.feature_folder.exists() else None, store=options.store,
            remotes=() if settings.data_remote is None else (settings.data_remote,),
            predictions=predictions if predictions.exists() else None, reports=tuple(options.reports),
        )  # fmt: skip
        receipt = erase(who, places, request=options.request, by=options.by, settings=settings, record=kept)
    print(receipt.model_dump_json(indent=1))
    return 0 if receipt.proven else 1
