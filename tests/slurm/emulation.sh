#!/bin/bash
# A real Slurm with emulated nodes n1..nN on this machine, for tests; to be sourced, as root, without systemd. All that
# it makes is in one folder and in daemons that emulation_stop ends: its own munge key and socket, its own ports.
#   emulation_start DIR NODES; export SLURM_CONF   …   emulation_stop
# Every node is a slurmd with a UTS name of its own (by which Open MPI tells machines apart: ranks of different nodes
# talk over TCP) and a temporary folder of its own (in which Slurm's pmix plugin keeps its sockets).

emulation_packages=(slurm-wlm munge libpmix2)

# Installs what is missing; 1 if it cannot.
emulation_install() {
  local missing=() package
  for package in "${emulation_packages[@]}"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) != installed ]]; then
      missing+=("$package")
    fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi
  echo "installing ${missing[*]}"
  apt-get -o DPkg::Lock::Timeout=300 update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends \
      "${missing[@]}" </dev/null >/dev/null
}

# Why a Slurm cannot be emulated here; empty if it can.
emulation_obstacle() {
  local program
  if [[ $(id -u) -ne 0 ]]; then
    echo "emulating nodes needs root"
    return
  fi
  for program in slurmctld slurmd munged srun unshare; do
    if ! PATH=$PATH:/usr/sbin command -v "$program" >/dev/null; then
      echo "there is no $program (packages ${emulation_packages[*]})"
      return
    fi
  done
  if ! unshare -m -u true 2>/dev/null; then echo "this machine does not allow namespaces (unshare -m -u)"; fi
}

# emulation_start DIR NODES [SECONDS until a silent node counts as down]
emulation_start() {
  emulation_dir=$1
  emulation_nodes=$2
  local host node first_port=$((20000 + RANDOM % 10000)) silent=${3:-10}
  host=$(hostname -s)
  export PATH=$PATH:/usr/sbin SLURM_CONF=$emulation_dir/slurm.conf
  mkdir -p "$emulation_dir"/{state,munge}
  chmod 755 "$emulation_dir" "$emulation_dir/munge"
  dd if=/dev/urandom of="$emulation_dir/munge/key" bs=128 count=1 status=none
  chmod 600 "$emulation_dir/munge/key"
  munged --force --key-file="$emulation_dir/munge/key" --socket="$emulation_dir/munge/socket" \
    --pid-file="$emulation_dir/munge/pid" --log-file="$emulation_dir/munge/log" \
    --seed-file="$emulation_dir/munge/seed" 2>/dev/null || return 1
  # ReturnToService=2: a node that was down is taken back when its slurmd registers again. cred_expire: how long a
  # requeued job waits. RealMemory is what the controller plans with; every node sees the whole machine.
  cat >"$SLURM_CONF" <<CONF
ClusterName=emulated
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$emulation_dir/munge/socket,cred_expire=5
StateSaveLocation=$emulation_dir/state
SlurmdSpoolDir=$emulation_dir/spool.%n
SlurmctldPidFile=$emulation_dir/slurmctld.pid
SlurmdPidFile=$emulation_dir/slurmd.%n.pid
SlurmctldLogFile=$emulation_dir/slurmctld.log
SlurmdLogFile=$emulation_dir/slurmd.%n.log
TmpFS=$emulation_dir/tmp
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=pmix
JobRequeue=1
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdTimeout=$silent
KillWait=5
InactiveLimit=0
SchedulerParameters=sched_interval=5,batch_sched_delay=1
NodeName=n[1-$emulation_nodes] NodeHostname=$host NodeAddr=127.0.0.1 \
Port=[$((first_port + 1))-$((first_port + emulation_nodes))] CPUs=2 Boards=1 \
SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  mkdir -p "$emulation_dir/tmp"
  slurmctld || return 1
  for node in $(seq "$emulation_nodes"); do emulation_node_on "n$node" || return 1; done
  emulation_wait_for_nodes "$emulation_nodes"
}

emulation_node_on() {
  mkdir -p "$emulation_dir/spool.$1" "$emulation_dir/tmp.$1"
  unshare -m -u sh -c "hostname $1 && mount --bind '$emulation_dir/tmp.$1' '$emulation_dir/tmp' && exec slurmd -N $1"
}

# Waits until so many nodes can take jobs; 1 after 30 s.
emulation_wait_for_nodes() {
  local wanted=$1 found=
  for _ in $(seq 60); do
    found=$(sinfo -h -t idle,mixed,allocated -o %D 2>/dev/null || true)
    if [[ ${found:-0} -ge $wanted ]]; then return 0; fi
    sleep 0.5
  done
  echo "only ${found:-0} of $wanted nodes are up" >&2
  return 1
}

# Ids of a node's processes: those that see its name as the machine's.
emulation_processes_of() {
  local slurmd namespace entry
  slurmd=$(cat "$emulation_dir/slurmd.$1.pid" 2>/dev/null) || return 0
  namespace=$(readlink "/proc/$slurmd/ns/uts") || return 0
  for entry in /proc/[0-9]*; do
    if [[ $(readlink "$entry/ns/uts" 2>/dev/null) == "$namespace" ]]; then echo "${entry#/proc/}"; fi
  done
}

# As when a plug is pulled: all of a node's processes end at once.
emulation_node_off() {
  local processes
  mapfile -t processes < <(emulation_processes_of "$1")
  if [[ ${#processes[@]} -gt 0 ]]; then kill -KILL "${processes[@]}" 2>/dev/null; fi
}

# Ends all jobs and daemons.
emulation_stop() {
  local node file
  if [[ -z ${emulation_dir:-} || ! -d ${emulation_dir:-} ]]; then return; fi
  timeout 20 scancel --full --user=root 2>/dev/null
  for node in $(seq "$emulation_nodes"); do emulation_node_off "n$node"; done
  for file in "$emulation_dir"/slurmctld.pid "$emulation_dir"/munge/pid; do
    if [[ -f $file ]]; then kill -TERM "$(cat "$file")" 2>/dev/null; fi
  done
  sleep 1
  for file in "$emulation_dir"/slurmctld.pid "$emulation_dir"/munge/pid; do
    if [[ -f $file ]]; then kill -KILL "$(cat "$file")" 2>/dev/null; fi
  done
  return 0
}
