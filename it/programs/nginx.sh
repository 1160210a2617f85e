# program: nginx with workers under ab and curl
# writes: yes
# needs: nginx ab curl
. ./frame.sh
mkdir -p html logs
head -c 300000 /dev/urandom | base64 >html/big
echo small >html/small
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >nginx.conf <<END
daemon off;
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/logs/error.log;
events { worker_connections 128; }
http {
  access_log $PWD/logs/access.log;
  client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3;
  uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
  server { listen unix:$PWD/n.sock; root $PWD/html; keepalive_requests 1000000; }
  server { listen 127.0.0.1:$PORT; root $PWD/html; gzip on; gzip_types *; }
}
END
nginx -p "$PWD" -c "$PWD/nginx.conf" 2>nginx.log &
background=$!
await curl -sf http://127.0.0.1:$PORT/small
want=$(sha256sum <html/big)
while going; do
  ab -q -k -c 8 -n 400 http://127.0.0.1:$PORT/small >ab.log 2>&1 || bad "$(cat ab.log)"
  grep -q '^Failed requests: *0$' ab.log || bad "$(grep -i failed ab.log)"
  same big "$(curl -s --compressed http://127.0.0.1:$PORT/big | sha256sum)" "$want"
  same unix "$(curl -s --unix-socket n.sock http://here/big | sha256sum)" "$want"
  tick
done
done_well
