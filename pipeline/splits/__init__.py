"""What the stage `split` is made of, and what later stages ask of a split: subsets, pictures, trained sitters."""
