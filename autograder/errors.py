"""What can go wrong on the grader's side; a learner's mistake is an `autograder.lab.Failure` instead."""

from autograder.lab import NoVerdict


class GraderError(NoVerdict):
    """The course, the command or the grader itself is at fault; never costs a learner points silently."""


class SourceError(GraderError):
    """A module's source cannot be built; the message names the file, line, cell and way out."""


class KernelDied(GraderError):
    """The kernel that ran a submission is gone; what was already checked stands."""


class WireError(GraderError):
    """A value cannot cross between the grader and a learner's kernel."""
