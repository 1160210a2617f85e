# program: VARIANT with two shells and vim in it
# variants: tmux; screen
# run: sh multiplexers.sh VARIANT
# writes: yes
# needs: VARIANT vim
# remark: from outside a restarted computation: tmux attach; and nsenter -t PID -m -p -i -T screen -r, PID one of its processes (a plain user adds -U --preserve-credentials)
. ./frame.sh
kind=$1
export TERM=xterm SHELL=/bin/sh ENV= SCREENDIR=$PWD/screens
mkdir -m 700 screens
case $kind in
  tmux)
    tmux -S t.sock -f /dev/null new-session -d -x 80 -y 24 'sh -i'
    tmux -S t.sock split-window 'sh -i'
    tmux -S t.sock new-window 'vim -u NONE -N -n notes'
    type_in() { tmux -S t.sock send-keys -t "$1" "$2" Enter; }
    first=0.0 second=0.1
    close() { tmux -S t.sock kill-server; }
    ;;
  screen)
    echo 'startup_message off' >rc
    screen -c rc -dmS it sh -i
    await screen -S it -Q windows
    screen -S it -X screen sh -i
    screen -S it -X screen vim -u NONE -N -n notes
    type_in() { screen -S it -p "$1" -X stuff "$2$(printf '\r')"; }
    first=0 second=1
    close() { screen -S it -X quit; }
    ;;
esac
while going; do
  type_in $first "echo \$((count += 1)) >first.new; mv first.new first"
  type_in $second "seq 1 $n | wc -l >second.new; mv second.new second"
  await grep -qx $((n + 1)) first
  await grep -qx $n second
  tick
done
close
done_well
