"""The page of `benchmarks.nested_portraits`: the table of trials, and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.portrait_heads import PULL
from benchmarks.portrait_trials import trials
from benchmarks.portrait_vectors import MEMBERS, SIDES, Portraits
from pipeline.core.numbers import Floats

FOLDS = 5
TOGETHER = 10
MEAN = f"mean of the best {TOGETHER}"
"""Not one trial is taken but so many, whose scores are averaged."""
ALL = "mean of all"
SIMPLE = "whitening and a cohort at most"
AIM = 0.25
# What no figure here can tell: how the trials were come by, and what another benchmark found on the same portraits.
CAVEAT = (
    "The rows of `plda`, `crops` and heads are optimistic, and so is a choice among them: the shrinkages of `plda`, "
    "its length normalisation, the sides of the crops and the pull of the heads were chosen after seeing results on "
    "these very portraits. What was looked at then and dropped is not in the table: crops moved sideways, up and "
    "down, one PLDA of the networks' concatenated vectors, other length normalisations, other ways to bring folds to "
    "one scale, heads with a weaker and a stronger pull, covariances of the painted photographs alone, and a head's "
    "vectors beside whitened ones."
)
AUGMENTATION = (
    "Training the network itself is another benchmark: by `python -m benchmarks.augmentation --folds 3 --epochs 30 "
    "--variants plain augmented` (three seeds, the last epoch kept) MobileFaceNet alone has 23.40 % EER frozen and "
    "centred, 21.72 ± 0.34 adapted by LoRA and 21.65 ± 0.36 with data augmentation (mean and standard deviation over "
    "seeds; seed by seed -0.07 ± 0.30), and 28.4, 29.9 ± 0.9 and 31.3 ± 1.1 % TAR@1% (+1.5 ± 0.6). So LoRA brings the "
    "network about as far as whitening does, and augmentation changes the EER by nothing that can be seen. With 3 "
    "epochs, which is some ten steps, training had moved nothing."
)


@dataclass(frozen=True)
class Figures:
    """One row of the table, over all deals."""

    eer: float
    tar: float
    best: float
    mean: float
    size: float
    replicates: Floats
    """EER [replicates]."""


def page(
    rows: Mapping[str, Figures],
    choices: Mapping[str, Figures],
    taken: Mapping[str, Counter[str]],
    these: Portraits,
    deals: int,
) -> str:
    """Return the table of all trials as Markdown, the nested choices first."""
    frozen = min(MEMBERS, key=lambda name: rows[name].eer)
    base = rows[frozen]
    lines = [
        "# What helps on few portraits\n",
        f"{len(these.sitter)} paintings of {these.sitters} sitters, {FOLDS} folds, means over {deals} deals, %; "
        f"intervals of 95 % by {len(base.replicates)} replicates. Written by `python -m benchmarks.nested_portraits`, "
        "whose text says how. `wccn 0.5`: the fusion kind `wccn` with shrink 0.5, centred and mirrored; `plda 0.9 "
        "0.5` likewise: the kind `plda` with shrink 0.9 and shrink_between 0.5; `crops`: the vectors of two more crops "
        f"added, with sides of {' and '.join(map(str, SIDES))}; `head`: a linear head with its loss, pulled towards "
        f"the identity ({', '.join(f'{loss} {pull}' for loss, pull in PULL.items())}), "
        "trained before all else; `painted`: painted photographs of forty other people are learned from, too; "
        "`cohort 30` is `score_norm: {cohort: 30}`. Rank-1 by the sitter's most similar portrait (best), by "
        "the mean of the sitter's portraits (mean), and by their mean with the size of the face as weight (by size). A "
        f"nested choice takes the trial with the lowest EER on the other folds; the {MEAN} averages the scores of the "
        f"{TOGETHER} lowest. The {ALL} chooses nothing and averages the scores of all trials. All {len(rows)} trials "
        "take part. Of those with more than whitening and a cohort, the table has the best and the worst of each "
        "family only.\n",
        f"Against: EER less that of {frozen} as it is, with its interval over sitters.\n",
        "| trial | EER | interval | against | interval | TAR@1% | rank-1 best | mean | by size |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(f"**{_named(name)}**", row, base) for name, row in choices.items()),
        *(_row(name + note, rows[name], base) for name, note in shown(rows).items()),
        "",
        "The nested choices are the honest figures: what was taken has not seen the fold it is judged on. Their EER is "
        + " and ".join(f"{100 * (1 - row.eer / base.eer):.0f} % ({name})" for name, row in choices.items())
        + f" below that of {frozen}. The best row of the table was found by looking at it.\n",
        conclusion(rows, choices, taken, these, frozen),
        *(f"\nTaken {name}: {_times(counts)}." for name, counts in taken.items()),
    ]
    return "\n".join(lines)


def shown(rows: Mapping[str, Figures]) -> dict[str, str]:
    """Return the names of the trials that the table has, each with what is noted after it."""
    every = trials()
    families: dict[str, list[str]] = {}
    for trial in every:
        if not trial.plain:
            families.setdefault(trial.family, []).append(trial.name)
    noted = {}
    for family, names in families.items():
        ranked = sorted(names, key=lambda name: rows[name].eer)
        noted[ranked[-1]] = f" (worst of {len(names)}: {family})"
        noted[ranked[0]] = f" (best of {len(names)}: {family})"
    return {trial.name: noted.get(trial.name, "") for trial in every if trial.plain or trial.name in noted}


def conclusion(
    rows: Mapping[str, Figures],
    choices: Mapping[str, Figures],
    taken: Mapping[str, Counter[str]],
    these: Portraits,
    frozen: str,
) -> str:
    """Return in a paragraph what the table says of all that is more than whitening and a cohort, and of the aim."""
    having, without = choices["among all"], choices[SIMPLE]
    low, high = 100 * np.nanquantile(having.replicates - without.replicates, [0.025, 0.975])
    found = "no better than without" if high >= 0 else "better than without"
    gains = [1 - row.eer / rows[frozen].eer for row in choices.values()]
    best = min(rows, key=lambda name: rows[name].eer)
    portraits = np.bincount(these.sitter)
    genuine = portraits * (portraits - 1) // 2
    return (
        f"Nested choice with heads, painted photographs, `plda` and `crops` does {found}: {100 * having.eer:.1f} % EER "
        f"against {100 * without.eer:.1f} % ({100 * (having.eer - without.eer):+.1f}, {low:.1f} to {high:.1f}). "
        f"{CAVEAT} The aim, a quarter less EER than {frozen}, is {'not ' * (max(gains) < AIM)}reached: the nested "
        f"choices are {100 * min(gains):.0f} to {100 * max(gains):.0f} % below it. The best row, found by looking, is "
        f"{best} with {100 * rows[best].eer:.1f} % EER, {100 * (1 - rows[best].eer / rows[frozen].eer):.0f} % below "
        f"it. There are few sitters, {these.sitters}; one of them has {portraits.max()} of the {len(these.sitter)} "
        f"portraits and {100 * genuine.max() / genuine.sum():.0f} % of all genuine pairs, hence the wide intervals. "
        f"The choice is unstable: {len(taken['among all'])} different trials were taken in "
        f"{taken['among all'].total()} folds. {AUGMENTATION}"
    )


def _named(choice: str) -> str:
    return "no choice, mean of all" if choice == ALL else f"nested choice, {choice}"


def _times(counts: Counter[str]) -> str:
    return "; ".join(f"{name} ({times})" for name, times in counts.most_common())


def _row(name: str, row: Figures, base: Figures) -> str:
    def ends(values: Floats) -> str:
        return "{:.1f} to {:.1f}".format(*(100 * np.nanquantile(values, [0.025, 0.975])))

    cells = [name, f"{100 * row.eer:.1f}", ends(row.replicates)]
    cells += [f"{100 * (row.eer - base.eer):+.1f}", ends(row.replicates - base.replicates)]
    cells += [f"{100 * value:.1f}" for value in (row.tar, row.best, row.mean, row.size)]
    return f"| {' | '.join(cells)} |"
