# What the shell programs share; see README.md. Sourced, in the directory where they run.
n=0
going() { [ ! -e finish ]; }
tick() { n=$((n + 1)); echo "tick $n"; }
bad() { echo "bad: $*"; kill $background 2>/dev/null; exit 1; }
same() { [ "$2" = "$3" ] || bad "$1: '$2' instead of '$3'"; }
# await COMMAND...: until it succeeds, 30 s at most
await() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || bad "never: $*"
    sleep 0.05
  done
}
# done_well: the end of every program; 3 shows that the status is passed on
done_well() {
  if [ -n "$background" ]; then
    kill $background
    wait $background || true
  fi
  echo ok
  exit 3
}
