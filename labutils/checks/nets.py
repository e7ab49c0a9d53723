"""What all exercises that ask for a whole network share: the checks of what it computes."""

from labutils.checks import module_checks
from labutils.checks.engine import Case, Check


def numeric_checks(numerics: str, small: Case, trained: tuple[Case, ...]) -> tuple[Check, ...]:
    """The checks of a net's numbers, seven points together. ``numerics`` says again what the layers' order is.

    Those that say something about layers and not about their order are made with the ``small`` net alone, and those in
    training mode at the ``trained`` cases, which have more than one image.
    """
    every_layer = "Each layer has weights of its own and is used once in a pass."
    return (
        module_checks.own_weights(1, (small,)),
        module_checks.train_output(1, f"{numerics} {module_checks.NO_CHANCE}", trained),
        module_checks.eval_output(1, f"{numerics} {module_checks.RUNNING}"),
        module_checks.details(1),
        module_checks.gradients(1, f"{every_layer} The gradient comes back to all of them.", trained),
        module_checks.statistics_move(1, trained),
        module_checks.reloads(1, (small,)),
    )
