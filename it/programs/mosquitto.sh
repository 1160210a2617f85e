# program: mosquitto with a subscriber that stays and publishers
# writes: yes
# needs: mosquitto mosquitto_pub mosquitto_sub
. ./frame.sh
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
echo "listener $port 127.0.0.1
allow_anonymous true" >m.conf
echo "user $(id -un)" >>m.conf
mosquitto -c m.conf >m.log 2>&1 &
m=$!
await mosquitto_pub -p $port -t a -m x
mosquitto_sub -p $port -q 1 -i sub -t t >got 2>sub.err &
background="$m $!"
await sh -c "mosquitto_pub -p $port -t t -m probe; grep -q probe got"
while going; do
  mosquitto_pub -p $port -q 1 -t t -m "m $n" || bad pub
  await grep -qx "m $n" got
  same lines "$(grep -c ^m got)" $((n + 1))
  tick
done
done_well
