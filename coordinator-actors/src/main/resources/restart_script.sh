remote_shell_cmd=ssh
remote_shell_options=()
[ "${remote_shell_cmd##*/}" = ssh ] && remote_shell_options=(-o ConnectTimeout=20)
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

The table of hosts at the top of this file may be edited: other second names, fewer lines.
Exit status: that of the program with the terminal; 99 (DMTCP_FAIL_RC) when a host could not be
restarted, which ends the restart of all; 1 when an option or the table cannot be meant."

coord_host=${DMTCP_COORD_HOST:-${DMTCP_HOST:-}}
coord_port=${DMTCP_COORD_PORT:-${DMTCP_PORT:-$default_coord_port}}
checkpoint_interval=${DMTCP_CHECKPOINT_INTERVAL:-$default_interval}
restart_dir=${DMTCP_RESTART_DIR:-}
hostfile=
options=()
coordinator_options=()
command_options=()

interrupted=

# As all commands end that could not do it.
fail_status=99
case ${DMTCP_FAIL_RC:-} in
  '' | *[!0-9]* | ????*) ;;
  *) [ "$DMTCP_FAIL_RC" -ge 1 ] && [ "$DMTCP_FAIL_RC" -le 255 ] && fail_status=$DMTCP_FAIL_RC ;;
esac

fail() {
  printf '%s\n' "$0: $1" >&2
  exit "${2:-1}"
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
  dmt_rstr_cmd=$(command -v dmtcp_restart) || fail "dmtcp_restart is neither there nor in PATH" "$fail_status"
fi

written=()
targets=()
images_of=() # each line's number of `images_...`
while read -r from to _; do
  [ -n "$from" ] || continue
  for other in "${written[@]}"; do
    [ "$other" != "$from" ] || fail "the table names $from twice in its first column"
  done
  number=
  for i in "${!image_hosts[@]}"; do
    [ "${image_hosts[i]}" != "$from" ] || number=$((i + 1))
  done
  [ -n "$number" ] || fail "the table's first column names $from, which wrote no images"
  written+=("$from")
  targets+=("${to:-$from}")
  images_of+=("$number")
done <<<"$host_table"
[ ${#targets[@]} -gt 0 ] || fail "the table names no host"

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
  local -n images=images_${images_of[$1]}
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

remote() {
  "$remote_shell_cmd" "${remote_shell_options[@]}" "$@"
}

# The end by a signal as a status: of itself ssh would say 255, as if it had not got there.
remote_line() {
  quoted sh -c '"$@"; exit $?' sh "$@"
}

# The hosts are restarted at the same time: the coordinator must be there before. It may be a new one,
# and one that is just ending may still hold the port.
bin=${dmt_rstr_cmd%/*}
ask_coordinator="$(quoted "$bin/dmtcp_command" --coord-port "$coord_port" "${command_options[@]}")"
find_coordinator="$ask_coordinator --status"
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
  sh -c "$reach_coordinator" || fail "no coordinator" "$fail_status"
else
  remote "$coord_host" "$(quoted sh -c "cd $(quoted "$script_dir") 2>/dev/null
$reach_coordinator")" </dev/null || fail "no coordinator on $coord_host" "$fail_status"
fi

coordinator() {
  if is_local "$coord_host"; then
    sh -c "$ask_coordinator $*"
  else
    remote "$coord_host" "$(quoted sh -c "$ask_coordinator $*")"
  fi </dev/null 2>/dev/null
}

# Commands that have not ended, a file each; `given_up` when one could not restart.
state=$(mktemp -d) && mkdir "$state/live" || fail "no temporary directory" "$fail_status"
trap 'rm -rf "$state"' EXIT

# The command of the line $1 has ended with $2. If that means that it could not restart, the others
# would wait for its processes: they end, too. Some may only be about to begin.
give_up() {
  local because
  case $2 in
    126 | 127) because="dmtcp_restart cannot be executed there" ;;
    255) because="the host cannot be reached, or the command was lost" ;;
    "$fail_status") because="see above" ;;
    *) return ;; # the program's
  esac
  while [ -n "$(ls -A "$state/live")" ]; do
    case $(coordinator --json --status) in
      *"\"restarting\":\"$computation_id\""*)
        if mkdir "$state/given_up" 2>/dev/null; then
          printf '%s\n' "$0: host ${targets[$1]} could not be restarted ($because);" \
            "  nothing runs, the other hosts end. Mend that and type this again." >&2
        fi
        coordinator --kill >/dev/null ;;
      *'"num_peers":'[1-9]*) return ;; # it runs
    esac
    sleep 0.5
  done
}

# The rest is the command of the line $1.
run() {
  local line=$1 status
  shift
  "$@"
  status=$?
  rm -f "$state/live/$line"
  [ $status -eq 0 ] || give_up "$line" $status
  return $status
}

for i in "${!targets[@]}"; do
  : >"$state/live/$i"
done
for i in "${!targets[@]}"; do
  [ "$i" = "$last" ] && continue
  if is_local "${targets[i]}"; then
    command_of "$i" any
    run "$i" "${command[@]}" </dev/null &
  else
    command_of "$i" join
    run "$i" remote "${targets[i]}" "$(remote_line "${command[@]}")" </dev/null &
  fi
done
trap 'interrupted=yes' INT # the command knows what it means
if is_local "${targets[last]}"; then
  command_of "$last" any
  run "$last" "${command[@]}"
else
  command_of "$last" join
  terminal=()
  [ -t 0 ] && terminal=(-t)
  run "$last" remote "${terminal[@]}" "${targets[last]}" "$(remote_line "${command[@]}")"
fi
status=$?
trap - INT
[ -n "$interrupted" ] && [ $status -eq 130 ] && kill -INT $$
wait
if [ -d "$state/given_up" ]; then
  exit "$fail_status"
fi
exit $status
