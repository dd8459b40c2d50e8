#!/bin/sh
# Runs a task of srun as a process of accelerate, with its rank and the address of the first one. The port depends on
# the job's number, so that two jobs on one node do not collide.
export RANK="$SLURM_PROCID" LOCAL_RANK="$SLURM_LOCALID" WORLD_SIZE="$SLURM_STEP_NUM_TASKS"
export MASTER_ADDR="$SLURM_LAUNCH_NODE_IPADDR" MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
exec "$@"
