"""Programs that differ from an exercise's original in one place, made by rules from its syntax tree."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, zip_longest
from typing import Any

from banks import code_mutations, layer_mutations, originals
from banks.syntax import Change, Tree

MUTATIONS = layer_mutations.MUTATIONS | code_mutations.MUTATIONS


@dataclass(frozen=True)
class Mutant:
    """A changed original. ``kind`` names the mutation, ``what`` says where and how it differs."""

    exercise: str
    kind: str
    what: str
    source: str

    def objects(self) -> tuple[Any, ...]:
        """What a learner would hand to the check. Raises whatever the program raises when it is run."""
        return originals.objects(self.exercise, self.source)


def mutants(exercise: str) -> Iterator[Mutant]:
    """All mutants of an exercise, kind by kind, no two with the same source. Always the same, in the same order."""
    return _different(exercise, _changes(exercise))


def spread(exercise: str, number: int) -> list[Mutant]:
    """At most ``number`` mutants of an exercise, of all kinds in turn, and from all places of the program."""
    kinds: dict[str, list[tuple[str, Change]]] = {}
    for kind, change in _changes(exercise):
        kinds.setdefault(kind, []).append((kind, change))
    chance = random.Random(exercise)
    for mixed in kinds.values():
        chance.shuffle(mixed)
    in_turn = chance.sample(list(kinds.values()), len(kinds))
    turns = (change for turn in zip_longest(*in_turn) for change in turn if change is not None)
    return list(islice(_different(exercise, turns), number))


@cache
def _tree(exercise: str) -> Tree:
    return Tree(originals.source(exercise))


@cache
def _changes(exercise: str) -> tuple[tuple[str, Change], ...]:
    return tuple((kind, change) for kind, mutation in MUTATIONS.items() for change in mutation(_tree(exercise)))


def _different(exercise: str, changes: Iterable[tuple[str, Change]]) -> Iterator[Mutant]:
    seen = {_tree(exercise).unchanged()}
    for kind, change in changes:
        source = _tree(exercise).changed(change)
        if source not in seen:
            seen.add(source)
            yield Mutant(exercise, kind, change.what, source)
