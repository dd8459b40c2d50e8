#!/usr/bin/env bash
# Snakemake runs this from the project's root once it has made the conda environment: it installs the locked packages.
set -euo pipefail
python -m pip install --no-deps -r envs/requirements.lock
