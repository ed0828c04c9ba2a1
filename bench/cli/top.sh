#!/usr/bin/env bash
# What the live views cost: processor time of `polyproc top`, `top` and `htop`, side by side in one
# run, each in a terminal of its own, all with the same time between two looks.
#
#   bench/cli/top.sh POLYPROC [SECONDS [PROCESSES]]
#
# Needs tmux, procps and htop (Debian packages of these names). PROCESSES sleeping processes are
# started, so that there is something to list; everything is ended again.
set -euo pipefail

polyproc=$1
seconds=${2:-20}
processes=${3:-500}
delay=1.5
socket="polyproc-bench-$$"
sleepers=()
trap 'tmux -L "$socket" kill-server 2>/dev/null; kill "${sleepers[@]}" 2>/dev/null' EXIT

for _ in $(seq "$processes"); do
    sleep 1000 &
    sleepers+=($!)
done

# name, command
start() {
    tmux -L "$socket" new-session -d -s "$1" -x 80 -y 24 "exec $2"
    tmux -L "$socket" list-panes -t "$1" -F '#{pane_pid}'
}

# Processor time of a process so far, in nanoseconds.
used() {
    local spent rest
    read -r spent rest <"/proc/$1/schedstat"
    echo "$spent"
}

export TERM=xterm-256color
declare -A pids before
names=(polyproc top htop)
pids[polyproc]=$(start polyproc "$polyproc top --delay $delay")
pids[top]=$(start top "top -d $delay")
pids[htop]=$(start htop "htop -d 15")
sleep 3
for name in "${names[@]}"; do before[$name]=$(used "${pids[$name]}"); done
sleep "$seconds"
echo "$((processes)) sleeping processes, $seconds s, a look every $delay s"
for name in "${names[@]}"; do
    spent=$(($(used "${pids[$name]}") - before[$name]))
    awk -v name="$name" -v spent="$spent" -v seconds="$seconds" \
        'BEGIN { printf "%-9s %7.1f ms  %5.2f %% of a processor\n", name, spent / 1e6, spent / seconds / 1e7 }'
done
