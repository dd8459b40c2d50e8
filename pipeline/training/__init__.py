"""The parts of the stage `train`: faces, features of the frozen stages, the training loop, checkpoints."""
