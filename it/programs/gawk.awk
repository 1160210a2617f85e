# program: gawk with a coprocess and a pipe
# run: gawk -f gawk.awk
# needs: gawk bc
function check(what, got, want) {
  if (got != want) { print "bad: " what ": " got " instead of " want; exit 1 }
}
BEGIN {
  calculator = "bc -q"
  for (n = 0; system("test -e finish"); ) {
    print n "^7" |& calculator
    calculator |& getline power
    check("coprocess", power, n ^ 7)
    kept[n] = sprintf("%0*d", n % 50 + 1, n)
    check("array", length(kept), n + 1)
    check("element", kept[int(n / 2)] + 0, int(n / 2))
    "seq 1 100 | wc -l; sleep 0.03" | getline lines
    close("seq 1 100 | wc -l; sleep 0.03")
    check("pipe", lines, 100)
    print "tick " ++n
    fflush()
  }
  print "ok"
  exit 3
}
