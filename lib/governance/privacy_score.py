"""How much of what is personal is found, and how much of what is found is personal, by language and kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lib.governance.privacy_find import KINDS, Finding, find
from lib.governance.privacy_sample import LOCALES, Labelled, Span, sample

Finder = Callable[[str], Sequence[Finding]]
SCORED = (*KINDS, "name")


@dataclass(frozen=True, kw_only=True)
class Score:
    """Of `there` personal things of one kind `hit` were found whole; `alarms` more findings were none of that kind."""

    kind: str
    locale: str
    there: int
    hit: int
    alarms: int

    @property
    def recall(self) -> float | None:
        """The share hit / there; None where nothing was there to be found."""
        return self.hit / self.there if self.there else None

    @property
    def precision(self) -> float | None:
        """The share hit / (hit + alarms); None where nothing was found."""
        found = self.hit + self.alarms
        return self.hit / found if found else None


def score(
    finder: Finder = find, *, locales: Iterable[str] = tuple(LOCALES), texts: int = 1_000, seed: int = 0
) -> list[Score]:
    """A finder's scores on `texts` made-up texts in each of `locales`: one for each kind and locale.

    "name" is among the kinds, and its recall is 0: `find` does not claim to find names.
    """
    return [each for locale in locales for each in _scored(finder, locale, sample(locale, texts, seed=seed))]


def score_table(scores: Iterable[Score]) -> str:
    """The scores as lines of text, and for each kind all locales together."""
    listed = sorted(scores, key=lambda each: (SCORED.index(each.kind), each.locale))
    lines = [f"{'kind':12} {'locale':7} {'there':>6} {'recall':>7} {'precision':>9}"]
    for kind in dict.fromkeys(each.kind for each in listed):
        same = [each for each in listed if each.kind == kind]
        lines += [_line(each) for each in [*same, total(same)]]
    return "\n".join(lines)


def total(scores: Sequence[Score]) -> Score:
    """Several scores of one kind as one."""
    there, hit, alarms = (sum(getattr(each, name) for each in scores) for name in ("there", "hit", "alarms"))
    return Score(kind=scores[0].kind, locale="all", there=there, hit=hit, alarms=alarms)


def _scored(finder: Finder, locale: str, texts: Iterable[Labelled]) -> list[Score]:
    there: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    for labelled in texts:
        there.update(span.kind for span in labelled.truth)
        found = list(finder(labelled.text))
        hits = [span for span in labelled.truth if any(_covers(each, span) for each in found)]
        hit.update(span.kind for span in hits)
        alarms.update(each.kind for each in found if not any(_covers(each, span) for span in labelled.truth))
    return [Score(kind=kind, locale=locale, there=there[kind], hit=hit[kind], alarms=alarms[kind]) for kind in SCORED]


def _covers(found: Finding, span: Span) -> bool:
    return found.kind == span.kind and found.start <= span.start and found.end >= span.end


def _line(each: Score) -> str:
    recall = "-" if each.recall is None else f"{each.recall:.3f}"
    precision = "-" if each.precision is None else f"{each.precision:.3f}"
    return f"{each.kind:12} {each.locale:7} {each.there:6} {recall:>7} {precision:>9}"
