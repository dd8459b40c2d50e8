#!/bin/sh
# The log of a stage records every attempt: its number, when it began, its output, when and how it ended.
#   COMMAND 2>&1 | sh rules/log.sh LOG    add a new attempt and its output
#   sh rules/log.sh LOG ended STATUS      add how it ended
# After an attempt that succeeded, counting starts at 1. A killed attempt has no last line.
if [ -n "$(tail -c 1 "$1" 2>/dev/null)" ]; then  # the last line is incomplete
    echo >> "$1"
fi
now=$(date '+%Y-%m-%d %H:%M:%S')
last=$(grep -a '^==== attempt [0-9]' "$1" 2>/dev/null | tail -n 1)
number=$(printf '%s' "$last" | sed 's/^==== attempt \([0-9]*\).*/\1/')
if [ "$2" = ended ]; then
    case $3 in
        0) how=done ;;
        75) how='stopped, to go on in the next attempt' ;;
        *) how="failed with exit status $3" ;;
    esac
    echo "==== attempt ${number:-1} ended $now: $how" >> "$1"
    exit
fi
case $last in
    '' | *': done') number=1 ;;
    *) number=$((number + 1)) ;;
esac
job=${SLURM_JOB_ID:+, SLURM job $SLURM_JOB_ID}
echo "==== attempt $number began $now$job" >> "$1"
exec cat >> "$1"
