# program: dbus-daemon with clients
# writes: yes
# needs: dbus-daemon dbus-send dbus-monitor
. ./frame.sh
dbus-daemon --session --nofork --address=unix:path=$PWD/bus >d.log 2>&1 &
background=$!
export DBUS_SESSION_BUS_ADDRESS=unix:path=$PWD/bus
await dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames
dbus-monitor --profile >mon 2>&1 &
background="$background $!"
while going; do
  dbus-send --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames >o || bad send
  grep -q org.freedesktop.DBus o || bad names
  await sh -c "dbus-send / a.b.sig$n; grep -q 'sig$n$' mon"
  tick
done
done_well
