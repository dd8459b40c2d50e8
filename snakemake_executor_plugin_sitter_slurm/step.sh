#!/bin/sh
# The first program of a SLURM job: it starts the command without the variables in which SLURM states the job's
# resources. Each srun below gets full options about what to start, and would add these variables to them.
for name in $(env | sed -n 's/^\(\(SLURM\|SRUN\|SBATCH\)_[A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
        SLURM_JOB_ID | SLURM_JOBID | SLURM_CLUSTER_NAME | SLURM_SUBMIT_DIR | SLURM_SUBMIT_HOST) ;;
        *) unset "$name" ;;
    esac
done
exec "$@"
