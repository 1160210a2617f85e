# program: openssl: speed, a TLS server and its clients
# needs: openssl
# writes: yes
. ./frame.sh
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 2 -subj /CN=here 2>/dev/null
openssl s_server -unix tls -key key -cert certificate -rev -quiet 2>server.log &
background=$!
await test -S tls
mkfifo in
# One client for all the time: its TLS connection goes on.
openssl s_client -unix tls -quiet <in >answers 2>client.log &
client=$!
exec 3>in
openssl speed -seconds 1000 sha256 >/dev/null 2>&1 &
background="$background $client $!"
while going; do
  echo "hello $n" >&3
  await sh -c "tail -n 1 answers | grep -qx '$(echo "hello $n" | rev)'"
  head -c 200000 /dev/zero | openssl enc -aes-256-ctr -pass pass:x -pbkdf2 >secret
  same decrypted "$(openssl enc -d -aes-256-ctr -pass pass:x -pbkdf2 <secret | wc -c)" 200000
  tick
done
exec 3>&-
done_well
