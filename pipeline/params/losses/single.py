"""Lists the losses that are not combinations of others, one in each line; add a new kind here."""

from __future__ import annotations

from pipeline.params.losses.adaface import AdaFaceOptions
from pipeline.params.losses.arcface import ArcFaceOptions
from pipeline.params.losses.combined_margin import CombinedMarginOptions
from pipeline.params.losses.contrastive import ContrastiveOptions
from pipeline.params.losses.cosface import CosFaceOptions
from pipeline.params.losses.infonce import InfoNCEOptions
from pipeline.params.losses.subcentre_arcface import SubcentreArcFaceOptions
from pipeline.params.losses.supcon import SupConOptions
from pipeline.params.losses.triplet import TripletOptions

Single = (
    TripletOptions
    | InfoNCEOptions
    | SupConOptions
    | ArcFaceOptions
    | CosFaceOptions
    | CombinedMarginOptions
    | SubcentreArcFaceOptions
    | AdaFaceOptions
    | ContrastiveOptions
)
