#!/bin/sh
# The first program of a SLURM job: starts the command, without the variables by which SLURM says what the job has. Each
# srun below is told in full what to start, and would add them to that.
for name in $(env | sed -n 's/^\(\(SLURM\|SRUN\|SBATCH\)_[A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
        SLURM_JOB_ID | SLURM_JOBID | SLURM_CLUSTER_NAME | SLURM_SUBMIT_DIR | SLURM_SUBMIT_HOST) ;;
        *) unset "$name" ;;
    esac
done
exec "$@"
