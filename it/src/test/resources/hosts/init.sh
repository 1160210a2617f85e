# Process 1 of a host of the tests: init.sh DIRECTORY NAME ADDRESS TMP SHARED...
# In namespaces of its own (network, host name, IPC, mounts, processes); says `up` and stays.
set -e
directory=$1 name=$2 address=$3 tmp=$4
shift 4
hostname "$name"
# What tests and programs share stays visible under a /tmp of the host's own.
for shared; do
  case $shared in
    /tmp/*)
      mkdir -p "$tmp/${shared#/tmp/}"
      mount --bind "$shared" "$tmp/${shared#/tmp/}"
      ;;
  esac
done
mount --rbind "$tmp" /tmp
mount -t tmpfs run /run
mkdir -p /run/sshd
: >"$directory/empty"
mount --bind "$directory/hosts" /etc/hosts
mount --bind "$directory/empty" /etc/resolv.conf
mount --bind "$directory/ssh_config" /etc/ssh/ssh_config
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip address add "$address/24" dev eth0
ip address add "fd77::${address##*.}/64" dev eth0 nodad
ip link set eth0 up
"$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f "$directory/sshd_config" 2>"$directory/$name.sshd" &
until (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null; do sleep 0.02; done
echo up
# Whoever loses its parent becomes our child; wait collects it.
while :; do
  sleep 3600 &
  wait $!
done
