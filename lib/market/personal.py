"""Made-up sellers: names, addresses, numbers and free text of the kind that must not reach a model or a log.

Nobody is meant: addresses end in domains that RFC 2606 reserves, numbers lie in the range that the German regulator
keeps for fiction ((0)30 23125 000–999), the account is the one that the IBAN standard's examples use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.market.draws import Draws, Integers

_FIRST = ("Anna", "Bruno", "Chidi", "Dilek", "Emil", "Fatima", "Giulia", "Hugo", "Ines", "Jana", "Kofi", "Linh")
_LAST = (
    "Albers",
    "Brandt",
    "Costa",
    "Dvořák",
    "Eze",
    "Fischer",
    "García",
    "Horvat",
    "Ito",
    "Jansen",
    "Krüger",
    "Nguyễn",
)
_ASCII = (
    "albers",
    "brandt",
    "costa",
    "dvorak",
    "eze",
    "fischer",
    "garcia",
    "horvat",
    "ito",
    "jansen",
    "krueger",
    "nguyen",
)
_DOMAINS = ("example.com", "example.org", "example.net")
_PLAIN = (
    "Quiet street, close to the school.",
    "New roof in 2019, heating serviced each year.",
    "Needs some love; price by agreement.",
    "South-facing terrace, two parking spaces.",
    "Viewing on weekends only.",
)
_REVEALING = (
    "Please ask for {name}, evenings.",
    "Write to {email} for the floor plan.",
    "Call {phone} before you come.",
    "Deposit to DE89 3704 0044 0532 0130 00, {name}.",
)


def sellers(draws: Draws, rows: int, revealing: float) -> pd.DataFrame:
    """One made-up seller a row; the share `revealing` of the remarks repeats personal data."""
    first, last = _pick(draws, "first", rows, len(_FIRST)), _pick(draws, "last", rows, len(_LAST))
    domain, number = _pick(draws, "domain", rows, len(_DOMAINS)), _pick(draws, "number", rows, 1000)
    names = [f"{_FIRST[i]} {_LAST[j]}" for i, j in zip(first, last, strict=True)]
    emails = [f"{_FIRST[i].lower()}.{_ASCII[j]}@{_DOMAINS[k]}" for i, j, k in zip(first, last, domain, strict=True)]
    phones = [f"+49 30 23125 {digits:03d}" for digits in number]
    reveals = draws.uniform("reveals", rows) < revealing
    plain, told = _pick(draws, "plain", rows, len(_PLAIN)), _pick(draws, "told", rows, len(_REVEALING))
    remarks = [
        _REVEALING[told[row]].format(name=names[row], email=emails[row], phone=phones[row])
        if reveals[row]
        else _PLAIN[plain[row]]
        for row in range(rows)
    ]
    columns = {"seller_name": names, "seller_email": emails, "seller_phone": phones, "remarks": remarks}
    return pd.DataFrame(columns, dtype="str")


def _pick(draws: Draws, stream: str, rows: int, count: int) -> Integers:
    return (draws.uniform(f"seller {stream}", rows) * count).astype(np.int64)
