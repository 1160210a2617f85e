# program: an X server without a screen, xterm, xclock
# writes: yes
# needs: Xvfb xterm xclock xwininfo
. ./frame.sh
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>display 2>xvfb.log &
server=$!
await test -s display
export DISPLAY=:$(cat display)
await xwininfo -root
xclock -update 1 2>/dev/null &
background=$!
mkfifo typed
xterm -e sh -c 'while read -r line; do echo "$line" | rev >shown.new; mv shown.new shown; done <typed' 2>xterm.log &
background="$background $!"
exec 3>typed
await sh -c 'xwininfo -root -tree | grep -q xclock'
while going; do
  echo "line $n" >&3
  await grep -qx "$(echo "line $n" | rev)" shown
  xwininfo -root -tree | grep -q '"xclock"' || bad 'no clock'
  xwininfo -root -tree | grep -q XTerm || bad 'no xterm'
  tick
done
exec 3>&-
background="$background $server"
done_well
