"""Made-up texts in several languages, with the place of everything personal in them, so that finding can be scored.

Numbers have the check digits and the ranges that real ones have, so that a finder cannot tell them apart; addresses end
in domains that RFC 2606 reserves. Beside them stand numbers of the same length that mean nothing personal: prices,
orders, dates, versions, and cards, accounts and ids with a wrong check digit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from lib.errors import PrivacyError


@dataclass(frozen=True)
class Span:
    """What stands where; `kind` is one that `find` knows, or "name"."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Labelled:
    """A text with its truth."""

    text: str
    truth: tuple[Span, ...]


@dataclass(frozen=True)
class Locale:
    """How people write in one country: `#` stands for a digit, `+` at the start for the way with a country code."""

    phones: tuple[str, ...]
    iban: str
    national_id: Callable[[random.Random], str]
    names: tuple[str, ...]
    sentences: tuple[str, ...]
    innocent: tuple[str, ...]


def sample(locale: str, texts: int, *, seed: int = 0) -> list[Labelled]:
    """`texts` labelled texts of one or two sentences; the same arguments give the same texts.

    Raises PrivacyError for a locale that is not among `LOCALES`.

    >>> first = sample("en_US", 1)[0]
    >>> all(first.text[span.start : span.end] for span in first.truth)
    True
    """
    if locale not in LOCALES:
        raise PrivacyError(f"no texts are made up for {locale!r}. Choose one of {', '.join(LOCALES)}.")
    draw, known = random.Random(f"{locale} {seed}"), LOCALES[locale]
    return [_labelled(draw, known) for _ in range(texts)]


def _labelled(draw: random.Random, locale: Locale) -> Labelled:
    pool = (locale.sentences, locale.innocent)
    written = " ".join(draw.choice(draw.choice(pool)) for _ in range(draw.randint(1, 2)))
    text, truth = "", []
    for plain, slot in re.findall(r"([^{]*)(?:\{(\w+)\})?", written):
        text += plain
        if slot:
            value = _MAKERS[slot](draw, locale)
            if slot in _PERSONAL:
                truth.append(Span(slot, len(text), len(text) + len(value)))
            text += value
    return Labelled(text, tuple(truth))


def _filled(draw: random.Random, form: str) -> str:
    return re.sub("#", lambda _: str(draw.randrange(10)), form)


def _email(draw: random.Random, _: Locale) -> str:
    first, last = draw.choice(_WORDS), draw.choice(_WORDS)
    form = draw.choice(("{0}.{1}@{2}", "{0}{3}@{2}", "{0}_{1}@mail.{2}", "{0}+{1}@{2}", "{0}-{1}@{2}"))
    made = form.format(first, last, draw.choice(("example.com", "example.org", "example.net")), draw.randrange(100))
    return made.title() if draw.random() < 0.1 else made


def _card(draw: random.Random, _: Locale) -> str:
    from stdnum import luhn

    start, length = draw.choice((("4", 16), ("5" + str(draw.randint(1, 5)), 16), ("37", 15), ("9704", 16), ("35", 16)))
    body = start + "".join(str(draw.randrange(10)) for _ in range(length - len(start) - 1))
    return _grouped(draw, body + luhn.calc_check_digit(body))


def _near_card(draw: random.Random, locale: Locale) -> str:
    """One digit is wrong, as in a misprint: the check must notice."""
    made = _card(draw, locale)
    return made[:-1] + str((int(made[-1]) + draw.randint(1, 9)) % 10)


def _iban(draw: random.Random, locale: Locale) -> str:
    from stdnum import iban

    country, body = locale.iban[:2], _filled(draw, locale.iban[2:])
    made = country + iban.calc_check_digits(f"{country}00{body}") + body
    return " ".join(re.findall(".{1,4}", made)) if draw.random() < 0.6 else made


def _near_iban(draw: random.Random, locale: Locale) -> str:
    made = _iban(draw, locale)
    return made[:2] + str((int(made[2]) + draw.randint(1, 8)) % 10) + made[3:]


def _grouped(draw: random.Random, digits: str) -> str:
    separator = draw.choice(("", " ", "-"))
    return separator.join(re.findall(".{1,4}", digits))


def _vietnamese_id(draw: random.Random) -> str:
    return _filled(draw, f"0{draw.choice(('01', '79', '48', '31', '92', '36'))}{draw.choice('0123')}########")


def _german_id(draw: random.Random) -> str:
    from stdnum.iso7064 import mod_11_10

    # Of its first ten digits one stands there twice.
    first, *rest = draw.sample("123456789", 9)
    body = first + "".join(draw.sample([*rest, draw.choice(rest)], 9))
    made = body + mod_11_10.calc_check_digit(body)
    return made if draw.random() < 0.5 else f"{made[:2]} {made[2:5]} {made[5:8]} {made[8:]}"


def _american_id(draw: random.Random) -> str:
    return f"{draw.randint(1, 665):03d}-{draw.randint(1, 99):02d}-{draw.randint(1, 9999):04d}"


def _british_id(draw: random.Random) -> str:
    made = draw.choice(("AB", "CE", "JK", "PR", "SX")) + _filled(draw, "######") + draw.choice("ABCD")
    return made if draw.random() < 0.5 else f"{made[:2]} {made[2:4]} {made[4:6]} {made[6:8]} {made[8]}"


def _french_id(draw: random.Random) -> str:
    from stdnum.fr import nir

    body = f"{draw.choice('12')}{draw.randrange(100):02d}{draw.randint(1, 12):02d}75" + _filled(draw, "######")
    made = body + nir.calc_check_digits(body)
    return made if draw.random() < 0.5 else " ".join(re.findall(r"(.)(..)(..)(..)(...)(...)(..)", made)[0])


def _spanish_id(draw: random.Random) -> str:
    from stdnum.es import dni

    body = _filled(draw, "########")
    return body + draw.choice(("", "-")) + dni.calc_check_digit(body)


_WORDS = ("anna", "bruno", "chidi", "dilek", "emil", "linh", "minh", "garcia", "dubois", "krueger", "smith", "jones")
_PERSONAL = frozenset({"email", "phone", "card", "iban", "national_id", "name"})
_MAKERS: dict[str, Callable[[random.Random, Locale], str]] = {
    "email": _email,
    "phone": lambda draw, locale: _filled(draw, draw.choice(locale.phones)),
    "card": _card,
    "iban": _iban,
    "national_id": lambda draw, locale: locale.national_id(draw),
    "name": lambda draw, locale: draw.choice(locale.names),
    "near_card": _near_card,
    "near_iban": _near_iban,
    "price": lambda draw, _: f"{draw.randint(100, 9999)}.{draw.choice(('000', '500', '000.000'))}",
    "order": lambda draw, _: _filled(draw, draw.choice(("#########", "20######-##", "############", "A-######-##"))),
    "day": lambda draw, _: f"{draw.randint(2019, 2026)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
    "local_day": lambda draw, _: f"{draw.randint(1, 28):02d}.{draw.randint(1, 12):02d}.{draw.randint(2019, 2026)}",
    "place": lambda draw, _: f"{draw.uniform(-90, 90):.7f}, {draw.uniform(-180, 180):.7f}",
    "code": lambda draw, _: _filled(draw, draw.choice(("v#.##.#", "RFC ####", "ISBN 978-#-##-######-#", "#####"))),
    "stamp": lambda draw, _: str(draw.randint(1_500_000_000, 1_800_000_000)),
}
LOCALES = {
    "vi_VN": Locale(
        ("09########", "03# ### ####", "+84 9# ### ## ##", "+8487#######", "098.###.####", "024 38## ####"),
        "VN",
        _vietnamese_id,
        ("Nguyễn Văn An", "Trần Thị Bích", "Lê Minh", "Phạm Thu Hà"),
        (
            "Liên hệ {name}, sđt {phone}.",
            "Gọi {phone} trước khi đến.",
            "Gửi thư đến {email} để lấy bản vẽ.",
            "Chuyển cọc vào thẻ {card}.",
            "CCCD {national_id} của chủ nhà.",
            "Số {phone} hoặc {email}, hỏi {name}.",
        ),
        (
            "Giá {price} đồng, đăng ngày {day}.",
            "Mã đơn {order}, phiên bản {code}.",
            "Nhà 3 tầng, 85 m², gần trường.",
            "Thẻ thử {near_card} bị từ chối.",
            "Tọa độ {place}.",
        ),
    ),
    "de_DE": Locale(
        ("+49 30 2312 ####", "030 2312####", "0171 #######", "(089) 45 ## ## ##", "+49 151 1#######", "0221/92####"),
        "DE##################",
        _german_id,
        ("Anna Albers", "Jürgen Krüger", "Sabine Fischer"),
        (
            "Bitte {name} fragen, Tel. {phone}.",
            "Anruf unter {phone} genügt.",
            "Grundriss bei {email}.",
            "Anzahlung auf {iban}, Empfänger {name}.",
            "Steuer-ID {national_id}.",
            "Karte {card} wurde belastet.",
        ),
        (
            "Kaufpreis {price} EUR, Stand {local_day}.",
            "Auftrag {order} vom {day}.",
            "Baujahr 1987, 120 m², Dach neu.",
            "Konto {near_iban} gibt es nicht.",
            "Zeitstempel {stamp}, Build {code}.",
        ),
    ),
    "en_US": Locale(
        ("(212) 736-####", "415-555-####", "+1 312 222 ####", "650.253.####", "1-202-456-####"),
        "DE##################",
        _american_id,
        ("Grace Hopper", "John Smith", "Maria Garcia"),
        (
            "Ask for {name}, phone {phone}.",
            "Text {phone} or mail {email}.",
            "My SSN is {national_id}.",
            "Charged to card {card}.",
            "Wire it to {iban} please.",
            "{name} lives here, {email}.",
        ),
        (
            "Listed at {price} USD on {day}.",
            "Order {order} shipped.",
            "Three bedrooms, 1,450 sq ft, built 1962.",
            "Test card {near_card} declined.",
            "Event {stamp} in build {code} at {place}.",
        ),
    ),
    "en_GB": Locale(
        ("020 7946 0###", "07700 900###", "+44 20 7946 0###", "+44 7911 123###", "0161 496 0###"),
        "GB" + "NWBK" + "##############",
        _british_id,
        ("Ada Lovelace", "Alan Jones", "Priya Shah"),
        (
            "Please call {name} on {phone}.",
            "Ring {phone} after six.",
            "Floor plan from {email}.",
            "Deposit to {iban}.",
            "NI number {national_id}.",
            "Paid with {card}.",
        ),
        (
            "Offers over {price} GBP, viewed {day}.",
            "Reference {order}.",
            "Two reception rooms, built 1902.",
            "Account {near_iban} was rejected.",
            "See {code}, stamp {stamp}.",
        ),
    ),
    "fr_FR": Locale(
        ("06 12 34 ## ##", "01.42.68.##.##", "+33 6 12 34 ## ##", "0612######"),
        "FR" + "#######################",
        _french_id,
        ("Élodie Dubois", "Jean Moreau", "Chloé Petit"),
        (
            "Demandez {name}, tél. {phone}.",
            "Appelez le {phone}.",
            "Plan sur demande : {email}.",
            "Acompte sur {iban}.",
            "Sécu {national_id}.",
            "Carte {card} débitée.",
        ),
        (
            "Prix {price} EUR, visite le {local_day}.",
            "Commande {order}.",
            "Maison de 110 m², 4 pièces.",
            "La carte {near_card} est refusée.",
            "Coordonnées {place}, version {code}.",
        ),
    ),
    "es_ES": Locale(
        ("612 34 ## ##", "+34 612 34 ## ##", "91 412 ## ##", "+3461234####"),
        "ES####################",
        _spanish_id,
        ("Lucía Fernández", "José Martín", "Carmen Ruiz"),
        (
            "Pregunte por {name}, teléfono {phone}.",
            "Llame al {phone}.",
            "Plano en {email}.",
            "DNI {national_id} del dueño.",
            "Pagado con {card}.",
            "Más datos: {email}, {phone}.",
        ),
        (
            "Precio {price} EUR, desde el {local_day}.",
            "Pedido {order}.",
            "Piso de 90 m², reformado en 2015.",
            "La tarjeta {near_card} no vale.",
            "Marca {stamp}, {code}.",
        ),
    ),
}
