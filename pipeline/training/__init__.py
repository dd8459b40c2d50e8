"""What the stage `train` is made of: its faces, the features of the frozen part, the loop, checkpoints."""
