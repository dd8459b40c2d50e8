"""The steps of the stage `split`, and questions of later stages about a split: subsets, pictures, training sitters."""
