"""The model registry: a version moves by gates and approval, and the ledger knows who moved it."""

from lib.registry.artifact import digest
from lib.registry.contender import Admit, Contender, Gate
from lib.registry.entries import Approval, Evidence, Stage, Transition, Version
from lib.registry.lifecycle import MOVES, Move
from lib.registry.picture import draw_history
from lib.registry.projection import repair
from lib.registry.safeguards import Safeguards
from lib.registry.serving import LoadedVersion, history, load, load_version, served_at
from lib.registry.transitions import promote, rollback
from lib.registry.versions import find_version, register

__all__ = [
    "MOVES",
    "Admit",
    "Approval",
    "Contender",
    "Evidence",
    "Gate",
    "LoadedVersion",
    "Move",
    "Safeguards",
    "Stage",
    "Transition",
    "Version",
    "digest",
    "draw_history",
    "find_version",
    "history",
    "load",
    "load_version",
    "promote",
    "register",
    "repair",
    "rollback",
    "served_at",
]
