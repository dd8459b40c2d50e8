"""The parts of `benchmarks.train_gpu`, one question each."""
