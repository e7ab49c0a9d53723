"""Where one way to write each exercise can be read, once it is solved.

Only the notebook's side imports this: a submission that is graded must not find it.
"""

BASIC_BLOCK = '`labutils.models.BasicBlock`, built in chapter 3, "The block"'

SOLUTIONS = {
    "residual-block": f"{BASIC_BLOCK}.",
    "shortcut-a": '`labutils.models.PadShortcut`, built in chapter 3, "Where shapes differ".',
    "pre-activation": (
        "`labutils.checks.references.PreActBlock`. "
        'For shapes that stay the same, the block is built in chapter 9, "Pre-activation".'
    ),
    "small-resnet": (
        "`labutils.checks.references.SmallResNet`. "
        'Such networks are met in chapter 4, "Small images need another stem".'
    ),
    "plain-twin": (
        "`labutils.checks.references.PlainNet`, a `labutils.checks.references.SmallResNet` "
        "whose blocks have no shortcut."
    ),
    "training-loop": (
        "`labutils.checks.references.train_one_epoch` and `labutils.checks.references.evaluate`. "
        'A longer loop is built in chapter 5, "The whole loop".'
    ),
    "bottleneck": '`labutils.models.Bottleneck`, built in chapter 7, "Reduce, work, restore".',
    "resnet-50": '`labutils.models.ResNet`, built in chapter 4, "The network".',
    "cost": "`labutils.checks.references.count_parameters` and `labutils.checks.references.count_macs`.",
    "resnext-block": (
        "`labutils.checks.references.ResNeXtBlock`. `labutils.models.Bottleneck` has groups as well; "
        'chapter 8, "The networks", says how.'
    ),
    "three-forms": (
        "`labutils.checks.references.split_paths`. "
        'The function `form_a` cuts the weights alike in chapter 8, "Three forms, one function".'
    ),
    "clinic-1": (
        "`labutils.models.CifarResNet` with option B, whose stages are made by `labutils.models.make_stage`, "
        'built in chapter 4, "Three parts".'
    ),
    "clinic-2": "`labutils.checks.references.GroupedBlock`.",
    "clinic-3": f"{BASIC_BLOCK}, with as many channels out as in.",
    "clinic-4": '`labutils.models.Bottleneck`; chapter 7, "Where the stride goes", compares the two places.',
    "clinic-5": "`labutils.checks.references.build_net`.",
    "clinic-6": "`labutils.checks.references.PreBlock`.",
    "clinic-7": f"{BASIC_BLOCK}.",
    "clinic-8": "`labutils.checks.references.evaluate`.",
}
