remote_shell_cmd=ssh
usage_str="USAGE: $0 [OPTIONS]

Restarts the computation, all its hosts, by one command.

  -h, --coord-host, --host HOST  Host of the coordinator (DMTCP_COORD_HOST).
  -p, --coord-port, --port N     Port of the coordinator (DMTCP_COORD_PORT).
      --coord-logfile FILE       Log of a coordinator that is started.
      --hostfile FILE            Hosts to restart on, one per line, in place of the table's.
  -d, --restartdir DIR           Look for the images in DIR (DMTCP_RESTART_DIR).
      --ckptdir DIR              Directory of later checkpoints (default: that of each image).
  -t, --tmpdir DIR               Where the commands of a user meet (DMTCP_TMPDIR).
      --no-strict-checking       Also restart images that belong to another user.
  -i, --interval SECONDS         Seconds between checkpoints (DMTCP_CHECKPOINT_INTERVAL).
      --help                     Show this text.

The table of hosts at the top of this file may be edited."

coord_host=${DMTCP_COORD_HOST:-${DMTCP_HOST:-}}
coord_port=${DMTCP_COORD_PORT:-${DMTCP_PORT:-$default_coord_port}}
checkpoint_interval=${DMTCP_CHECKPOINT_INTERVAL:-$default_interval}
restart_dir=${DMTCP_RESTART_DIR:-}
hostfile=
options=()
coordinator_options=()
command_options=()

fail() {
  printf '%s\n' "$0: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --no-strict-checking)
      options+=("$1")
      shift
      continue ;;
    --help)
      printf '%s\n' "$usage_str"
      exit 0 ;;
    --coord-host | --host | -h | --coord-port | --port | -p | --coord-logfile | --hostfile | \
      --restartdir | -d | --ckptdir | --tmpdir | -t | --interval | -i)
      [ $# -ge 2 ] || fail "$1 needs a value; --help shows the options" ;;
    *)
      printf '%s\n' "$0: unknown option: $1" "$usage_str" >&2
      exit 1 ;;
  esac
  case $1 in
    --coord-host | --host | -h) coord_host=$2 ;;
    --coord-port | --port | -p) coord_port=$2 ;;
    --hostfile) hostfile=$2 ;;
    --restartdir | -d) restart_dir=$2 ;;
    --interval | -i) checkpoint_interval=$2 ;;
    --coord-logfile)
      options+=(--coord-logfile "$2")
      coordinator_options+=(--coord-logfile "$2") ;;
    --ckptdir)
      options+=(--ckptdir "$2")
      coordinator_options+=(--ckptdir "$2") ;;
    --tmpdir | -t)
      options+=(--tmpdir "$2")
      coordinator_options+=(--tmpdir "$2")
      command_options+=(--tmpdir "$2") ;;
  esac
  shift 2
done

if [ ! -x "$dmt_rstr_cmd" ]; then
  dmt_rstr_cmd=$(command -v dmtcp_restart) || fail "dmtcp_restart is neither there nor in PATH"
fi

written=()
targets=()
while read -r from to _; do
  if [ -n "$from" ]; then
    written+=("$from")
    targets+=("${to:-$from}")
  fi
done <<<"$host_table"

if [ -n "$hostfile" ]; then
  [ -r "$hostfile" ] || fail "cannot read $hostfile"
  names=()
  while read -r name _; do
    case $name in '' | '#'*) ;; *) names+=("$name") ;; esac
  done <"$hostfile"
  [ ${#names[@]} -gt 0 ] || fail "$hostfile names no host"
  for i in "${!targets[@]}"; do
    targets[i]=${names[i % ${#names[@]}]}
  done
fi

own_host=$(cat /proc/sys/kernel/hostname)
is_local() {
  case $1 in
    localhost | 127.* | ::1 | "$own_host" | "${own_host%%.*}") return 0 ;;
    *) return 1 ;;
  esac
}

all_local=yes
for target in "${targets[@]}"; do
  is_local "$target" || all_local=no
done

# Everything here, but the coordinator was elsewhere: it is not asked for, so use our own.
if [ -z "$coord_host" ]; then
  coord_host=$default_coord_host
  if [ $all_local = yes ] && ! is_local "$coord_host"; then
    coord_host=$own_host
  fi
fi

# What the other hosts are told must lead them here.
if [ $all_local = no ]; then
  case $coord_host in localhost | 127.* | ::1) coord_host=$own_host ;; esac
fi

# The command line of the i-th line of the table in the array `command`.
command_of() {
  local -n images=images_$(($1 + 1))
  local image
  command=("$dmt_rstr_cmd" --coord-host "$coord_host" --coord-port "$coord_port"
    --interval "$checkpoint_interval" --manifest-id "$manifest_id" "${options[@]}")
  [ "$2" = join ] && command+=(--join-coordinator)
  for image in "${images[@]}"; do
    [ -z "$restart_dir" ] || image=$restart_dir/${image##*/}
    command+=("$image")
  done
}

# For the remote shell, whichever it is: every word in single quotes.
quoted() {
  local word
  for word; do
    printf "'%s' " "${word//\'/\'\\\'\'}"
  done
}

# One line: this process becomes the command.
if [ ${#targets[@]} -eq 1 ] && [ $all_local = yes ]; then
  command_of 0 any
  exec "${command[@]}"
fi

script_dir=$(cd "$(dirname "$0")" && pwd)
last=
for i in "${!targets[@]}"; do
  if [ "${written[i]}" = "$terminal_host" ]; then
    last=$i
  fi
done
last=${last:-0}

# The hosts are restarted at the same time: the coordinator must be there before. It may be a new one,
# and one that is just ending may still hold the port.
bin=${dmt_rstr_cmd%/*}
find_coordinator="$(quoted "$bin/dmtcp_command" --coord-port "$coord_port" "${command_options[@]}" --status)"
start_coordinator="$(quoted "$bin/dmtcp_coordinator" --daemon --exit-on-last --quiet --quiet \
  --coord-port "$coord_port" "${coordinator_options[@]}")"
reach_coordinator="
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  $find_coordinator >/dev/null 2>&1 && exit 0
  said=\$($start_coordinator 2>&1) && exit 0
  sleep 0.5
done
printf '%s\\n' \"\$said\" >&2
exit 1"
if is_local "$coord_host"; then
  sh -c "$reach_coordinator" || fail "no coordinator"
else
  "$remote_shell_cmd" "$coord_host" "$(quoted sh -c "cd $(quoted "$script_dir") 2>/dev/null
$reach_coordinator")" </dev/null || fail "no coordinator on $coord_host"
fi

for i in "${!targets[@]}"; do
  [ "$i" = "$last" ] && continue
  if is_local "${targets[i]}"; then
    command_of "$i" any
    "${command[@]}" </dev/null &
  else
    command_of "$i" join
    "$remote_shell_cmd" "${targets[i]}" "$(quoted "${command[@]}")" </dev/null &
  fi
done
if is_local "${targets[last]}"; then
  command_of "$last" any
  "${command[@]}"
else
  command_of "$last" join
  if [ -t 0 ]; then
    "$remote_shell_cmd" -t "${targets[last]}" "$(quoted "${command[@]}")"
  else
    "$remote_shell_cmd" "${targets[last]}" "$(quoted "${command[@]}")"
  fi
fi
status=$?
wait
exit $status
