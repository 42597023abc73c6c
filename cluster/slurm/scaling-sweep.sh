#!/bin/bash
# A scaling sweep over whole nodes: submits bench/scaling/scaling.slurm once for every number of nodes, so that a run on
# two nodes does not hold sixty-four. Each job measures its own full size and one rank, to compare with.
#   cluster/slurm/scaling-sweep.sh 1 2 4 8 16 32 64
#   RANKS_PER_NODE=2 CORES=16 WORKLOAD=math OUT=/scratch/me/sweep cluster/slurm/scaling-sweep.sh 1 2 4
# Settings, by environment; WORKLOAD, MODE, REPETITIONS and PROGRAM go on to scaling.slurm:
#   RANKS_PER_NODE  (default 1)
#   CORES           threads of each rank               (default 1)
#   OUT             results of N nodes go to OUT/N     (default out/sweep)
#   SBATCH          what submits, with further options (default sbatch)
set -euo pipefail
cd "$(dirname "$0")/../.."

if [[ $# -eq 0 ]]; then
  echo "scaling-sweep.sh: found no numbers of nodes, expected for example: 1 2 4 8" >&2
  exit 2
fi
read -ra submit <<<"${SBATCH:-sbatch}"
for nodes in "$@"; do
  if [[ ! $nodes =~ ^[1-9][0-9]*$ ]]; then
    echo "scaling-sweep.sh: found '$nodes', expected a number of nodes" >&2
    exit 2
  fi
done
for nodes in "$@"; do
  ranks=$((nodes * ${RANKS_PER_NODE:-1}))
  numbers=1
  if [[ $ranks -gt 1 ]]; then numbers+=",$ranks"; fi
  RANKS=$numbers OUT=${OUT:-out/sweep}/$nodes "${submit[@]}" --export=ALL --nodes="$nodes" \
    --ntasks-per-node="${RANKS_PER_NODE:-1}" --cpus-per-task="${CORES:-1}" bench/scaling/scaling.slurm
done
