"""Personal data in text: e-mail addresses, phone numbers, bank cards, IBANs and national ids, by their own checks.

A name in prose has no check and no form: without a language model it is not found, and neither is an address. Columns
that hold such things are known by their names (`lib.governance.privacy_scan`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["email", "phone", "card", "iban", "national_id"]
KINDS: tuple[Kind, ...] = ("email", "phone", "card", "iban", "national_id")
REGIONS = ("VN", "DE", "US", "GB", "FR", "ES")
"""Where a phone number without a country code is looked for."""

# Whatever can be found has an @ or this many digits; most text has neither, and is done with at once.
# None of these patterns has two ways to read the same text: a hostile one costs no more time than any other.
_WORTH_A_LOOK = re.compile(r"@|(?:\d\D*){5}")
_EMAIL = re.compile(r"(?<![\w.+-])[\w+-]+(?:\.[\w+-]+)*@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{1,4}+){3,8}+")
_CARD = re.compile(r"(?<![\w+-])(?<!\w[.,])\d(?:[ -]?\d){12,18}(?![\w-])")
# Networks by their first digits: Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay, Napas (Vietnam).
_NETWORK = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6011|65|64[4-9]|35|30[0-5]|3[689]|62|9704")
_PHONE = re.compile(r"(?<![\w.,@/:#-])(?:\+|\(\+?)?\d(?:[ ().\u00a0/-]{0,3}\d){6,14}(?![\w@-])")
_PHONE_WORD = re.compile(
    r"(?:phone|tel|telefon|téléphone|teléfono|mobile?|mobil|cell|call|fax|whatsapp|zalo|gọi|điện thoại|sđt|đt)"
    r"\W{0,3}(?:[^\W\d]+\W{1,3}){0,2}$",
    re.IGNORECASE,
)
_AMERICAN = re.compile(r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}")
_NOT_A_PHONE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{1,3}(?:[. ]000)+")


@dataclass(frozen=True)
class Finding:
    """Where in a text something personal stands; `value` is its one spelling, kept out of every printed form."""

    kind: Kind
    start: int
    end: int
    value: str = field(repr=False)


@dataclass(frozen=True)
class NationalId:
    """How a country's number looks, its own check, and the word that must stand before it where the check is weak."""

    country: str
    form: re.Pattern[str]
    valid: Callable[[str], bool]
    word: re.Pattern[str] | None = None


def find(text: str, *, regions: Sequence[str] = REGIONS) -> list[Finding]:
    """What is personal in `text`, in order and without overlaps; of two readings the one with the stricter check.

    >>> [found.kind for found in find("Call +49 30 23125 003 or write to anna.albers@example.com")]
    ['phone', 'email']
    """
    if not _WORTH_A_LOOK.search(text):
        return []
    kept: list[Finding] = []
    taken = bytearray(len(text))
    for candidate in _candidates(text, regions):
        if not any(taken[candidate.start : candidate.end]):
            taken[candidate.start : candidate.end] = b"\1" * (candidate.end - candidate.start)
            kept.append(candidate)
    return sorted(kept, key=lambda found: found.start)


def replace(text: str, by: Callable[[Finding], str], *, regions: Sequence[str] = REGIONS) -> str:
    """`text` with `by(finding)` in place of each finding.

    >>> replace("Write to anna@example.com!", lambda found: f"[{found.kind}]")
    'Write to [email]!'
    """
    parts, start = [], 0
    for found in find(text, regions=regions):
        parts += [text[start : found.start], by(found)]
        start = found.end
    return "".join([*parts, text[start:]])


def one_spelling(value: str, *, regions: Sequence[str] = REGIONS) -> str:
    """A value as it is compared: the spelling of the only thing found in it, else its words in lower case.

    >>> one_spelling("(030) 23125-003"), one_spelling(" Anna  Albers ")
    ('+493023125003', 'anna albers')
    """
    found = find(value, regions=regions)
    return found[0].value if len(found) == 1 else " ".join(value.casefold().split())


def _candidates(text: str, regions: Sequence[str]) -> Iterator[Finding]:
    """From the strictest check to the loosest."""
    for match in _EMAIL.finditer(text):
        yield Finding("email", match.start(), match.end(), match[0].casefold())
    yield from _ibans(text)
    yield from _cards(text)
    yield from _national_ids(text)
    yield from _phones(text, regions)


def _ibans(text: str) -> Iterator[Finding]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        # Words after it may look like more of it: the longest part that passes the check.
        ends = [match.start() + place.start() for place in re.finditer(r"(?=[ -])|$", match[0])]
        for end in reversed(ends):
            written = text[match.start() : end]
            if not text[end : end + 1].isalnum() and iban.is_valid(written):
                yield Finding("iban", match.start(), end, iban.compact(written))
                break


def _cards(text: str) -> Iterator[Finding]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        digits = _digits(match[0])
        if _NETWORK.match(digits) and luhn.is_valid(digits):
            yield Finding("card", match.start(), match.end(), digits)


def _national_ids(text: str) -> Iterator[Finding]:
    for known in NATIONAL_IDS:
        for match in known.form.finditer(text):
            before = text[max(match.start() - 40, 0) : match.start()]
            if known.valid(match[0]) and (known.word is None or known.word.search(before)):
                value = f"{known.country}:{re.sub(r'[^0-9A-Za-z]', '', match[0]).upper()}"
                yield Finding("national_id", match.start(), match.end(), value)


def _phones(text: str, regions: Sequence[str]) -> Iterator[Finding]:
    for match in _PHONE.finditer(text):
        if _NOT_A_PHONE.fullmatch(match[0]):
            continue
        announced = _PHONE_WORD.search(text[max(match.start() - 40, 0) : match.start()]) is not None
        number = _phone(match[0], regions, announced=announced)
        if number is not None:
            yield Finding("phone", match.start(), match.end(), number)


def _phone(candidate: str, regions: Sequence[str], *, announced: bool) -> str | None:
    """The number in E.164 where `candidate` is one, of the country that writes it in these groups, else of the first.

    Digits without a leading 0, + or parenthesis are believed when a word announces them or their groups are a country's
    own.
    """
    import phonenumbers as phones

    american = _AMERICAN.fullmatch(candidate)
    if candidate.lstrip("(").startswith("+"):
        wanted: Sequence[str | None] = (None,)
    else:
        wanted = [region for region in regions if region in ("US", "CA")] if american else regions
    groups = re.findall(r"\d+", candidate)
    same: list[phones.PhoneNumber] = []
    other: list[phones.PhoneNumber] = []
    for region in wanted:
        with contextlib.suppress(phones.NumberParseException):
            number = phones.parse(candidate, region)
            if phones.is_valid_number(number):
                usual = phones.format_number(number, phones.PhoneNumberFormat.NATIONAL)
                (same if re.findall(r"\d+", usual) == groups else other).append(number)
    if not (announced or american or candidate.startswith(("0", "+", "(")) or (same and len(groups) > 2)):
        return None
    found = [*same, *other]
    return str(phones.format_number(found[0], phones.PhoneNumberFormat.E164)) if found else None


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _vietnamese(number: str) -> bool:
    """Citizen's number: province, century with sex, year; it has no check digit."""
    return int(number[:3]) in _PROVINCES and number[3] in "0123"


_PROVINCES = frozenset((
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44, 45,
    46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92,
    93, 94, 95, 96,
))  # fmt: skip


def _checked(country: str, name: str) -> Callable[[str], bool]:
    """python-stdnum's check, imported when it is first asked."""

    def valid(number: str) -> bool:
        from stdnum import get_cc_module

        module = get_cc_module(country, name)
        return module is not None and bool(module.is_valid(number))

    return valid


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.,/+-]){pattern}(?![\w/-])")


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})\W{{0,3}}(?:[^\W\d]+\W{{1,3}}){{0,2}}$", re.IGNORECASE)


NATIONAL_IDS = (
    NationalId("FR", _form(r"[12] ?\d{2} ?\d{2} ?[\dAB]{2} ?\d{3} ?\d{3} ?\d{2}"), _checked("fr", "nir")),
    NationalId("IT", _form(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"), _checked("it", "codicefiscale")),
    NationalId("VN", _form(r"\d{12}"), _vietnamese),
    NationalId("DE", _form(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"), _checked("de", "idnr")),
    NationalId("PL", _form(r"\d{11}"), _checked("pl", "pesel")),
    NationalId("ES", _form(r"\d{8}-?[A-Z]"), _checked("es", "dni")),
    NationalId("ES", _form(r"[XYZ]-?\d{7}-?[A-Z]"), _checked("es", "nie")),
    NationalId("US", _form(r"\d{3}-\d{2}-\d{4}"), _checked("us", "ssn")),
    NationalId("GB", _form(r"(?![DFIQUV])[A-Z](?![DFIQUVO])[A-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"), lambda _: True),
    NationalId("NL", _form(r"\d{9}"), _checked("nl", "bsn"), _word("bsn|burgerservicenummer|sofinummer")),
    NationalId("US", _form(r"\d{9}"), _checked("us", "ssn"), _word("ssn|social security(?: number)?")),
)
