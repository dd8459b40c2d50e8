"""Section `outside`: systems that others have run on the faces, known by files of their vectors or scores."""

from pipeline.params.outside_systems import Outside as Outside
