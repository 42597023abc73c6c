# To be sourced by scripts that try cases of the program on emulated machines (tests/slurm, tests/network). Such a
# script sets `all_cases`, `cases`, `program` and `search` (the arguments of the search that its cases run), and has a
# function for each case and one, `stop_all`, that ends what it has started.
# shellcheck shell=bash
# Variables that the script uses: work (a folder), current (the case), failures, expected (what result_of must say).

# check_cases WHAT: ends the script unless all of `cases` are cases, and the program is there; none: all of them.
check_cases() {
  local case
  # shellcheck disable=SC2154
  if [[ ${#cases[@]} -eq 0 ]]; then cases=("${all_cases[@]}"); fi
  for case in "${cases[@]}"; do
    if [[ " ${all_cases[*]} " != *" $case "* ]]; then
      echo "$0: found '$case', expected $1 or some of: ${all_cases[*]}" >&2
      exit 2
    fi
  done
  # shellcheck disable=SC2154
  if [[ ! -x $program ]]; then
    echo "$0: found no program '$program': scripts/build.sh release tessera" >&2
    exit 2
  fi
}

clean_up() {
  stop_all
  if [[ $failures -eq 0 ]]; then rm -rf "$work"; else echo "everything is left in $work"; fi
}

fail() {
  echo "FAILED: $current: $*" >&2
  failures=$((failures + 1))
  return 1
}

# wait_until SECONDS WHAT COMMAND...: fails when that does not become true in time.
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS >= end)); then
      fail "waited in vain until $what"
      return 1
    fi
    sleep 0.1
  done
}

has_snapshots() { [[ $(find "$1" -name 'snapshot-*.h5' 2>/dev/null | wc -l) -ge 2 ]]; }

# What of a report is not to depend on the run: digest, reason, all counts.
result_of() {
  python3 - "$1" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
print(report["digest"], report["stop_reason"],
      [(i["iteration"], i["enodes"], i["eclasses"], [(r["name"], r["matches"], r["unions"]) for r in i["rules"]])
       for i in report["iterations"]])
PYTHON
}

# begin_cases NAME: makes the folder, and runs the search here for what is expected.
begin_cases() {
  work=$(mktemp -d "/tmp/tessera-$1-XXXXXX")
  failures=0
  current=local
  trap clean_up EXIT
  trap 'failures=1; exit 1' INT TERM
  # shellcheck disable=SC2154
  "$program" "${search[@]}" --quiet --report "$work/expected.json" >/dev/null || exit 1
  expected=$(result_of "$work/expected.json")
  echo "local run: digest ${expected%% *}"
}

# Runs the cases, each with a `folder`; whether none failed.
run_cases() {
  local before begin
  for current in "${cases[@]}"; do
    # shellcheck disable=SC2034
    folder=$work/$current
    mkdir -p "$folder"
    before=$failures
    begin=$SECONDS
    "$current"
    if [[ $failures -eq $before ]]; then echo "passed: $current ($((SECONDS - begin)) s)"; fi
  done
  echo "${#cases[@]} cases, $failures failures"
  [[ $failures -eq 0 ]]
}
