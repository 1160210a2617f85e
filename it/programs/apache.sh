# program: Apache httpd, VARIANT, with CGI programs, under ab and curl
# variants: mpm_prefork; mpm_event
# run: sh apache.sh VARIANT
# needs: apache2 ab curl
# writes: yes
. ./frame.sh
mkdir -p html logs cgi
head -c 300000 /dev/urandom | base64 >html/big
echo small >html/small
printf '#!/bin/sh\necho "Content-Type: text/plain"\necho\nread -r line; echo "got $line"\n' >cgi/echo.cgi
chmod +x cgi/echo.cgi
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
M=/usr/lib/apache2/modules
if [ "$1" = mpm_event ]; then cgi="LoadModule cgid_module $M/mod_cgid.so
ScriptSock $PWD/cgid.sock"; else cgi="LoadModule cgi_module $M/mod_cgi.so"; fi
cat >a.conf <<END
ServerRoot $PWD
LoadModule $1_module $M/mod_$1.so
LoadModule authz_core_module $M/mod_authz_core.so
LoadModule mime_module $M/mod_mime.so
LoadModule alias_module $M/mod_alias.so
LoadModule deflate_module $M/mod_deflate.so
LoadModule filter_module $M/mod_filter.so
$cgi
TypesConfig /etc/mime.types
ServerName localhost
Listen 127.0.0.1:$PORT
PidFile $PWD/pid
DocumentRoot $PWD/html
ErrorLog $PWD/logs/error
StartServers 2
MaxKeepAliveRequests 0
ScriptAlias /cgi/ $PWD/cgi/
AddOutputFilterByType DEFLATE text/plain
<Directory $PWD>
Require all granted
</Directory>
END
[ "$(id -u)" != 0 ] || { chmod 755 . ; chown -R www-data html logs cgi; echo "User www-data" >>a.conf; echo "Group www-data" >>a.conf; }
# It signals its whole process group.
setsid apache2 -f "$PWD/a.conf" -DFOREGROUND 2>apache.log &
background=$!
await curl -sf http://127.0.0.1:$PORT/small
want=$(sha256sum <html/big)
while going; do
  ab -q -k -c 8 -n 200 http://127.0.0.1:$PORT/small >ab.log 2>&1 || bad "$(cat ab.log)"
  grep -q '^Failed requests: *0$' ab.log || bad "$(grep -i failed ab.log)"
  same big "$(curl -s --compressed http://127.0.0.1:$PORT/big | sha256sum)" "$want"
  same cgi "$(curl -s --data-binary "$n
" http://127.0.0.1:$PORT/cgi/echo.cgi)" "got $n"
  tick
done
done_well
