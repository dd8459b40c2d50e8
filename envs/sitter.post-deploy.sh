#!/usr/bin/env bash
# Run by Snakemake once it has made the conda environment: the locked packages, as in every other installation (from the project's root).
set -euo pipefail
python -m pip install --no-deps -r envs/requirements.lock
