"""Section `outside`: systems that others have run, by the files of what they made of the faces."""

from pipeline.params.outside_systems import Outside as Outside
