"""Each mutant of a right program is rejected, or shown to be no other program; no cause is said that isn't its own."""

import ast
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import banks
from banks import equality, originals
from banks.mutants import MUTATIONS, Mutant, mutants, spread
from labutils.checks import engine, exercises
from labutils.checks.engine import Exam
from labutils.checks.result import CheckResult, Result
from labutils.checks.transport import Local, guarded, kept_random_states, kept_settings

NUMBER = int(os.environ.get("MUTANTS", "16"))  # of each exercise
SETS = 200  # of random arguments, on which a mutant that is not rejected must be equal to the original
SETS_OF_A_CAUSE = 25  # on which a mutant must be equal to the program that its cause was written for
READ_AND_TRUE = {  # a cause, and words of the changes of which it is true although its known program differs
    "The passes that are trained on are in evaluation mode, as after an evaluation, so BN learns nothing: "
    "model.train() often is missing, or comes too late.": "`model.eval()`",
    "Of what is kept, values far from zero are cut off.": "`x.clamp_(-100, 100)`",
    "Where the channels stay, nothing is projected at a stride of 2, so the sum fails there.": "`stride != 1`",
    "One BN is called twice, and the other one never.": "`self.bn1(self.conv1(x))`",
    "The BNs' momentum isn't PyTorch's default, 0.1.": "momentum is",
    "The second BN is called in training mode for ever.": "`self.bn2.train()(",
    "bn2 is called in training mode for ever.": "`self.bn2.train()(",
    "The second BN uses the batch's statistics in evaluation mode, too.": "`self.bn2.train()(",
    "The stem's BN uses the batch's statistics in evaluation mode, too.": "`self.bn1.train()(",
    "The stem's BN normalises by the batch in evaluation mode, too.": "`self.bn1.train()(",
    "model.eval() is missing, so BN uses each batch's own statistics, and changes its running ones.": "`model.train()`",
    "model.eval() is missing, or comes after the loop, so BN uses each batch's own statistics.": "`model.train()`",
}


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with kept_settings(), kept_random_states():
        yield


def original(exercise: str) -> tuple[Any, ...]:
    return originals.objects(exercise, originals.source(exercise))


def judged(exercise: str, objects: tuple[Any, ...]) -> tuple[CheckResult | None, str, bool]:
    """The first check that fails, the cause that is said for it, and whether something is undecided before."""
    definition, undecided = exercises.load(exercise), False
    with guarded():
        exam = Exam(definition, Local(objects))
        for result in engine.check_results(exam):
            if result.status in ("failed", "error"):
                said = engine.misconception(exam, Result(exercise, (result,), 0, definition.max_score))
                return result, said, undecided
            undecided = undecided or result.status == "undecided"
    return None, "", undecided


def contradiction(exercise: str, mutant: Mutant, failure: CheckResult, said: str) -> str:
    """How the mutant differs from the known wrong program whose cause was said of it, or ""."""
    if said in READ_AND_TRUE and READ_AND_TRUE[said] in mutant.what:
        return ""
    known = [program for program in banks.programs(exercise) if (program.first, program.says) == (failure.name, said)]
    found = [equality.difference(exercise, p.objects(), mutant.objects(), SETS_OF_A_CAUSE) for p in known]
    return "" if "" in found else "; ".join(found)


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_an_original_is_right(exercise: str) -> None:
    with guarded():
        assert engine.examine(Exam(exercises.load(exercise), Local(original(exercise)))).passed


@pytest.mark.parametrize("exercise", exercises.IDS)
def test_each_mutant_is_rejected_or_equal_to_the_original_and_is_told_no_cause_but_its_own(exercise: str) -> None:
    grid = {case.args for case in exercises.load(exercise).cases}
    survivors, untrue, equal = [], [], 0
    for mutant in spread(exercise, NUMBER):
        failure, said, undecided = judged(exercise, mutant.objects())
        if failure is None or failure.status == "error":
            differs = equality.difference(exercise, original(exercise), mutant.objects(), SETS, grid)
            verdict = "error" if failure else "undecided" if undecided else "passed"
            survivors += [(verdict, mutant.kind, mutant.what, differs)] if differs else []
            equal += not differs
            print(f"{mutant.kind}: {mutant.what}{'' if differs else ' (equal)'}")
        elif said and (differs := contradiction(exercise, mutant, failure, said)):
            untrue.append((said, mutant.kind, mutant.what, differs))
    assert survivors == []
    assert untrue == []
    assert equal <= NUMBER // 4, "too many mutants change nothing"


def test_mutants_are_many_and_no_two_are_the_same_program() -> None:
    assert sum(len(spread(exercise, NUMBER)) for exercise in exercises.IDS) >= 300
    for exercise in ("residual-block", "training-loop"):
        sources = [mutant.source for mutant in mutants(exercise)]
        assert len(sources) >= 200
        assert len({ast.dump(ast.parse(source)) for source in sources}) == len(sources)
        assert ast.unparse(ast.parse(originals.source(exercise)).body[1:]) + "\n" not in sources  # pyright: ignore


def test_mutants_are_the_same_each_time_and_of_all_kinds() -> None:
    before = list(mutants("clinic-1"))
    assert list(mutants("clinic-1")) == before
    assert {mutant.what for mutant in spread("clinic-1", 40)} < {mutant.what for mutant in before}
    kinds = Counter(mutant.kind for exercise in exercises.IDS for mutant in spread(exercise, 60))
    assert kinds.keys() == MUTATIONS.keys()


WRONG = [
    ("residual-block", "nn.BatchNorm2d(out_channels)", "nn.BatchNorm2d(out_channels, 2e-05)"),
    ("residual-block", "nn.BatchNorm2d(out_channels)", "nn.BatchNorm2d(out_channels, momentum=0.11)"),
    ("residual-block", "out = F.relu(", "out = F.leaky_relu(negative_slope=1e-5, input="),
    ("residual-block", "out = F.relu(", "out = F.relu6("),
    ("residual-block", "out + self.shortcut(x)", "out + self.shortcut(x).detach()"),
    ("residual-block", "out + self.shortcut(x)", "out + (self.shortcut(x) if torch.rand(1) < 1 else 0)"),
    ("residual-block", "return F.relu(out + self.shortcut(x))", "return F.relu(out + self.shortcut(x)).float()"),
    ("residual-block", "stride != 1 or", "stride == 2 or"),
    ("residual-block", "in_channels != out_channels", "in_channels < out_channels"),
    ("pre-activation", "a = F.relu(self.bn1(x))", "a = F.relu(self.bn1(x.clamp_(-50, 50)))"),
    ("small-resnet", "if rest or n < 1", "if rest or n < 0"),
    ("small-resnet", "width: int = 16", "width: int = 17"),
    ("clinic-1", "range(blocks - 1)", "range(min(blocks - 1, 1))"),
    ("training-loop", "        optimizer.zero_grad()\n", "        optimizer.zero_grad() if count else None\n"),
    ("training-loop", "loss = loss_fn(", "model(images)\n        loss = loss_fn("),
    ("clinic-8", "return right / count", "return torch.tensor(right / count)"),
    ("cost", "(nn.Conv2d, nn.Linear)", "(nn.Conv2d,)"),
    ("cost", "copy.deepcopy(model).eval()", "model.eval()"),
    ("three-forms", "w3[:, own]", "w3[:, own].float()"),
]
RIGHT = [
    ("residual-block", "self.bn1", "self.norm"),
    ("residual-block", "nn.Identity()", "nn.Sequential()"),
    ("residual-block", "out + self.shortcut(x)", "self.shortcut(x) + out"),
    ("small-resnet", "out.mean(dim=(2, 3))", "out.mean(3).mean(2)"),
    ("cost", "layer.weight[0].numel()", "(layer.weight.numel() // len(layer.weight))"),
    ("training-loop", "optimizer.zero_grad()", "model.zero_grad()"),
    (
        "training-loop",
        "(model(images).argmax(1) == labels).sum().item()",
        "int((model(images).max(1)[1] == labels).sum())",
    ),
]


def rewritten(exercise: str, old: str, new: str) -> tuple[Any, ...]:
    source = originals.source(exercise)
    assert old in source
    return originals.objects(exercise, source.replace(old, new).replace("import torch.nn", "import torch, torch.nn"))


@pytest.mark.parametrize(("exercise", "old", "new"), WRONG)
def test_programs_that_differ_are_told_apart(exercise: str, old: str, new: str) -> None:
    assert equality.difference(exercise, original(exercise), rewritten(exercise, old, new))


@pytest.mark.parametrize(("exercise", "old", "new"), RIGHT)
def test_programs_that_do_the_same_are_equal(exercise: str, old: str, new: str) -> None:
    assert equality.difference(exercise, original(exercise), rewritten(exercise, old, new), sets=40) == ""


def test_the_proof_of_equality_shares_nothing_with_the_checks() -> None:
    folder = Path(equality.__file__).parent
    for path in (*folder.glob("equality*.py"), folder / "random_arguments.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names = froms + [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert not [name for name in names if name.startswith("labutils")], path
