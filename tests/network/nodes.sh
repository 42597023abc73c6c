#!/bin/bash
# Nodes for mpirun on one machine, each with a network namespace and a host name of its own, behind a slow network that
# can be cut (relay.py); for tests; to be sourced, as root.
#   nodes_start DIR COUNT DELAY_MS   …   nodes_cut 3   …   nodes_mend   …   nodes_stop
#   nodes_run 0 COMMAND...     runs a command on node 0
# mpirun reaches the others through DIR/agent in place of ssh; nodes_start exports what it needs for that.

# Why there can be no such nodes here; empty if there can.
nodes_obstacle() {
  local program
  if [[ $(id -u) -ne 0 ]]; then
    echo "network namespaces need root"
    return
  fi
  for program in ip unshare mpirun python3; do
    if ! command -v "$program" >/dev/null; then
      echo "there is no $program"
      return
    fi
  done
  if [[ ! -c /dev/net/tun ]]; then
    echo "there is no /dev/net/tun for the emulated network"
    return
  fi
  if ! unshare -n -u true 2>/dev/null; then
    echo "this machine does not allow namespaces (unshare -n -u)"
    return
  fi
  if ! ip netns add "tessera-try-$$" 2>/dev/null; then
    echo "this machine does not allow named network namespaces (ip netns add)"
    return
  fi
  ip netns del "tessera-try-$$"
}

nodes_start() {
  nodes_dir=$1
  nodes_count=$2
  nodes_prefix=tessera$$-
  local n name names=()
  for ((n = 0; n < nodes_count; ++n)); do
    ip netns add "$nodes_prefix$n" || return 1
    names+=("$nodes_prefix$n")
  done
  python3 "$(dirname "${BASH_SOURCE[0]}")/relay.py" "$3" "$nodes_dir" "${names[@]}" >"$nodes_dir/relay.log" 2>&1 &
  nodes_relay=$!
  for _ in $(seq 50); do
    if grep -q ready "$nodes_dir/relay.log"; then break; fi
    sleep 0.1
  done
  for ((n = 0; n < nodes_count; ++n)); do
    name=$nodes_prefix$n
    ip -n "$name" link set lo up &&
      ip -n "$name" link set eth0 address "02:00:00:00:00:0$n" mtu 9000 &&
      ip -n "$name" link set eth0 up &&
      ip -n "$name" address add "10.77.0.$((n + 1))/24" dev eth0 || return 1
  done
  cat >"$nodes_dir/agent" <<AGENT
#!/bin/bash
# agent HOST COMMAND...: as ssh, for nodes node0, node1, …
host=\$1
shift
exec ip netns exec "$nodes_prefix\${host#node}" unshare -u sh -c "hostname \$host && exec \$*"
AGENT
  chmod +x "$nodes_dir/agent"
  for ((n = 0; n < nodes_count; ++n)); do echo "node$n slots=2"; done >"$nodes_dir/hosts"
  export OMPI_MCA_plm=rsh OMPI_MCA_plm_rsh_agent=$nodes_dir/agent OMPI_MCA_plm_rsh_no_tree_spawn=1
  export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=eth0 OMPI_MCA_oob_tcp_if_include=eth0
}

nodes_run() {
  local node=$1
  shift
  # shellcheck disable=SC2016  # for the inner shell
  ip netns exec "$nodes_prefix$node" unshare -u sh -c 'hostname "$0" && exec "$@"' "node$node" "$@"
}

nodes_cut() {
  echo "$*" >"$nodes_dir/cut.new"
  mv "$nodes_dir/cut.new" "$nodes_dir/cut"
}

nodes_mend() { rm -f "$nodes_dir/cut"; }

# Ids of the processes that are on any node.
nodes_processes() {
  local n
  for ((n = 0; n < nodes_count; ++n)); do ip netns pids "$nodes_prefix$n" 2>/dev/null; done
}

nodes_stop() {
  if [[ -z ${nodes_prefix:-} ]]; then return; fi
  local processes n
  mapfile -t processes < <(nodes_processes)
  if [[ ${#processes[@]} -gt 0 ]]; then kill -KILL "${processes[@]}" 2>/dev/null; fi
  if [[ -n ${nodes_relay:-} ]]; then kill "$nodes_relay" 2>/dev/null; fi
  for ((n = 0; n < nodes_count; ++n)); do ip netns del "$nodes_prefix$n" 2>/dev/null; done
  return 0
}
