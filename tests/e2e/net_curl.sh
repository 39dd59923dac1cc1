#!/bin/bash
# curl against tests/support/net_server.c: bodies of all kinds, kept connections, events, tokens, both versions of HTTP, a Unix
# socket, sockets that are handed over, and a drain while a request runs.
source "$(dirname "$0")/support.bash"
server=${TRM_BUILD_DIR:?}/tests/net_server
[ -x "$server" ] || { echo "skipped: the server's folders are not built"; exit 77; }
command -v curl >/dev/null || { echo "skipped: curl is not installed"; exit 77; }
unset http_proxy all_proxy ALL_PROXY
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# start NAME ARGUMENTS...: its address is in NAME.address, its log in NAME.log.
start() {
  local name=$1
  shift
  "$server" "$@" >"$name.address" 2>"$name.log" &
  pids+=($!)
  for _ in $(seq 200); do
    [ -s "$name.address" ] && return
    sleep 0.05
  done
  fail "the server did not start: $(cat "$name.log")"
}
get() { run 0 curl -sS --max-time 60 "$@"; }
is() {
  checks=$((checks + 1))
  [ "$(cat out)" = "$1" ] || fail "expected $1, got $(head -c 500 out)"
}

printf 'alice %s admin\nbob %s solve\n' "$(printf foo | sha256sum | cut -d' ' -f1)" "$(printf bar | sha256sum | cut -d' ' -f1)" >tokens
start tcp 127.0.0.1:0 tokens
url=http://$(cat tcp.address)

# -- plain answers --
get "$url/"
is hello
get -I "$url/"
says '^HTTP/1.1 200 OK'
says '^Content-Length: 6'
get --http1.0 -i "$url/"
says '^Connection: close'
get -0 -i -H 'Connection: keep-alive' "$url/"
says '^Connection: keep-alive'
get -o /dev/null -w '%{http_code} %{content_type}\n' "$url/none"
is '404 application/problem+json'
get -i -X PUT "$url/echo"
says '^Allow: POST, OPTIONS'
get -i -X OPTIONS --request-target '*' "$url"
says '^HTTP/1.1 204'
get --path-as-is -o /dev/null -w '%{http_code}\n' "$url/items/../secret"
is 400
get -o /dev/null -w '%{http_code}\n' -X BREW "$url/"
is 501
get -o /dev/null -w '%{http_code}\n' -H 'Host: a b' "$url/"
is 400
get "$url/items/a%20b" -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
is 'a b 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
get --proxy "$url" http://elsewhere.example/ # an absolute target
is hello

# -- bodies --
head -c 5000000 /dev/urandom >large
get --data-binary @large -o got "$url/echo" # curl waits for 100 Continue
cmp -s large got || fail "5 MB came back changed"
get -v -H 'Expect: 100-continue' -d hello "$url/echo"
is hello
grep -q '100 Continue' err || fail "no 100 Continue"
get -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary @large "$url/count"
is 5000000
get -T - "$url/count" -X POST # chunks of an end that curl does not know
is 0
head -c 9000000 /dev/zero >larger
get -i --data-binary @larger "$url/echo"
says '^HTTP/1.1 413'
get -d '' "$url/echo"
is ''

# -- one connection --
get -v "$url/" "$url/items/1" -d x "$url/echo" --next "$url/" --next -d abc "$url/count"
[ "$(grep -c 'Re-using existing connection' err)" -ge 3 ] || fail "the connection was not kept"
checks=$((checks + 1))

# -- events --
get -N -H 'Accept: text/event-stream' "$url/events"
[ "$(grep -c '^id: ' out)" = 5 ] || fail "not five events"
says '^data: \{"step": 5\}$'
get -N -H 'Last-Event-ID: 3' "$url/events"
[ "$(grep '^id: ' out | tr -d '\n')" = 'id: 4id: 5' ] || fail "events did not go on behind the last one"
run 28 curl -sS -N --max-time 0.12 "$url/events" # who leaves early does no harm
get -N -0 "$url/events"
says '^id: 5$'

# -- tokens --
get -i "$url/secret"
says '^HTTP/1.1 401'
says '^WWW-Authenticate: Bearer realm="trm"'
get -H 'Authorization: Bearer foo' "$url/secret"
is alice
get -i -H 'Authorization: Bearer bar' "$url/secret"
says '^HTTP/1.1 403'
says 'insufficient_scope'

# -- metrics --
get -i "$url/metrics"
says '^Content-Type: text/plain; version=0.0.4; charset=utf-8'
says '^net_requests_total\{outcome="answered"\} [0-9]+$'
[ "$(sed -n 's/^net_request_seconds_bucket{le="+Inf"} //p' out)" = "$(sed -n 's/^net_request_seconds_count //p' out)" ] ||
  fail "the last bucket is not the count"

# -- many at once --
for i in $(seq 30); do printf 'url=%s/items/%s\n' "$url" "$i"; done >urls
get -Z -K urls
[ "$(wc -l <out)" = 30 ] || fail "30 requests at once had $(wc -l <out) answers"

# -- a drain lets the running request end --
curl -sS --max-time 30 -i "$url/late" >late &
client=$!
sleep 0.2
kill -TERM "${pids[0]}"
wait $client || fail "the request that ran was cut"
grep -q '^late' late && grep -qi '^Connection: close' late || fail "the running request got $(cat late)"
wait "${pids[0]}" || fail "the drained server ended with $?"
run 7 curl -sS "$url/"

# -- other sockets --
start unix "unix:$work/s"
get --unix-socket s http://localhost/
is hello
[ "$(stat -c %a s)" = 600 ] || fail "the socket's mode is $(stat -c %a s)"
refuse 1 'listens' "$server" "unix:$work/s"
kill -KILL "${pids[1]}"
wait "${pids[1]}" 2>/dev/null
start again "unix:$work/s" # what a killed server left is replaced
get --unix-socket s http://localhost/
is hello
python3 - "$server" >handed.address 2>handed.log <<'PY' &
import os, socket, sys
a, b = socket.socket(), socket.socket()
for s in a, b:
    s.bind(("127.0.0.1", 0))
    s.listen()
os.dup2(os.dup(a.fileno()), 10), os.dup2(os.dup(b.fileno()), 11)
os.dup2(10, 3), os.dup2(11, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[1], [sys.argv[1], "inherited"])
PY
pids+=($!)
for _ in $(seq 200); do [ "$(wc -l <handed.address)" = 2 ] && break || sleep 0.05; done
while read -r address; do
  get "http://$address/"
  is hello
done <handed.address
grep -q '^GET / 200$' handed.log || fail "nothing was logged"
done_testing
