"""The mutation score: strong checks kill every mutant, weak ones are found out."""

from __future__ import annotations

from autograder.audit.audit import Scope, audit_module
from autograder.audit.mutation import Sample
from autograder.audit.part import Part
from autograder.course import Course


def _audit(course: Course, task: str, sample: Sample | None = None) -> Part:
    scope = Scope(parts=("mutants",), tasks=(task,), sample=sample or Sample())
    return audit_module(course, "words", scope)


def test_a_strong_check_kills_every_mutant(course: Course) -> None:
    """`first` is called with and without words: no small fault gets by."""
    part = _audit(course, "code-guard")
    found = part.record["mutants"]
    assert part.problems == ()
    assert found["killed"] == found["total"] >= 3
    assert (found["equivalent"], found["score"], found["survivors"]) == (0, 1, [])
    assert found["checks"] == {"code-guard-check": {"met": found["total"], "noticed": found["total"]}}


def test_a_weak_check_lets_a_mutant_survive(variant) -> None:
    """A check with a single word cannot tell the first from the last: the diff says so, and the bars fail."""
    course = variant(('expect(first(["a", "b"]), "a")', 'expect(first(["a"]), "a")'))
    part = _audit(course, "code-guard")
    (survivor,) = part.record["mutants"]["survivors"]
    assert survivor["operator"] == "NumberReplacer"
    assert "-    return words[0]\n+    return words[ -1]" in survivor["diff"]
    assert part.record["mutants"]["tasks"]["code-guard"]["score"] < 0.8
    assert any("code-guard" in problem and "80% is the bar" in problem for problem in part.problems)
    assert any("words" in problem and "90% is the bar" in problem for problem in part.problems)


def test_a_declared_equivalent_is_not_tried(variant) -> None:
    """The same weak check, and the author's word that the mutant changes nothing; a stale word is a problem."""
    declared = "    # equivalent: NumberReplacer `[ -1]`: there is one word\n    return words[0]"
    stale = "    # equivalent: NumberReplacer `[ 7]`: nobody has seven words\n    if not words"
    course = variant(
        ('expect(first(["a", "b"]), "a")', 'expect(first(["a"]), "a")'),
        ("    return words[0]", declared),
        ("    if not words", stale),
    )
    part = _audit(course, "code-guard")
    assert part.record["mutants"]["equivalent"] == 1
    assert part.record["mutants"]["score"] == 1
    assert part.problems == ("code-guard: no NumberReplacer writes `[ 7]` into 'if not words:'; drop the comment",)


def test_checks_that_build_on_a_task_kill_its_mutants_too(variant) -> None:
    """Counting letters passes a check of the form alone; the file that is written with it does not."""
    text = '[[mutant]]\ntask = "code-count"\nname = "letters for words"\nreplace = "text.split()"\nwith = "text"\n'
    course = variant(
        ('expect(count("a b a"), {"a": 2, "b": 1}, given="a b a")', 'require(isinstance(count("a"), dict), "a dict")'),
        ('expect(count(" ".join(words)), dict(Counter(words)), secret=True)', "count(words[0])"),
        **{"mutants.toml": text},
    )
    part = _audit(course, "code-count")
    assert part.problems == ()
    assert part.record["mutants"]["killed"] == 1
    assert part.record["mutants"]["checks"] == {"code-count-check": {"met": 1, "noticed": 0}}


def test_a_sample_is_stated(course: Course) -> None:
    """A quick run says how many mutants a task it tried, and which draw it was."""
    found = _audit(course, "code-guard", Sample(1, seed=5)).record["mutants"]
    assert (found["total"], found["sample"], found["seed"]) == (1, 1, 5)
