# program: Tcl with its event loop, sockets and timers
# run: tclsh tcl.tcl
# needs: tclsh
fconfigure stdout -buffering line
proc check {what got want} {
  if {$got ne $want} { puts "bad: $what: $got instead of $want"; exit 1 }
}
proc serve {channel address port} {
  fconfigure $channel -buffering line -blocking 0
  fileevent $channel readable [list answer $channel]
}
proc answer {channel} {
  if {[gets $channel line] >= 0} { puts $channel [string toupper $line] }
}
set listener [socket -server serve -myaddr 127.0.0.1 0]
set client [socket 127.0.0.1 [lindex [fconfigure $listener -sockname] 2]]
fconfigure $client -buffering line -blocking 0
set child [open "|cat" r+]
fconfigure $child -buffering line
set n 0
proc heard {} {
  global client child n kept
  if {[gets $client line] < 0} return
  check server $line "LINE $n"
  puts $child $n
  check child [gets $child] $n
  set kept($n) [expr {$n ** 5}]
  check kept $kept([expr {$n / 2}]) [expr {($n / 2) ** 5}]
  incr n
  puts "tick $n"
  after 40 speak
}
proc speak {} {
  global client n
  if {[file exists finish]} { puts ok; exit 3 }
  puts $client "line $n"
}
fileevent $client readable heard
speak
vwait forever
