#!/bin/sh
# tests/cli/test_kube.sh DX: the kube's life: starting, serving, being asked, killed and stopped; by name, by TLS.
. "$(dirname "$0")/lib.sh"
unset DX_WEB

mkdir -p web/halo web/tasks
printf '<!doctype html><title>vault</title>' >web/halo/index.html
printf '<!doctype html><title>tasks</title>' >web/tasks/index.html
printf 'beside' >web/secret

# ask PORT HOST PATH [CERTIFICATE]: the status and the body's first line.
ask() { python3 -c 'import http.client, ssl, sys
port, host, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if len(sys.argv) > 4:
    class Connection(http.client.HTTPSConnection):  # the name of the certificate, at the address of this machine
        def connect(self):
            self.host, name = "127.0.0.1", self.host
            http.client.HTTPConnection.connect(self)
            self.host = name
            self.sock = self._context.wrap_socket(self.sock, server_hostname=name.split(":")[0])
    connection = Connection(host, port, timeout=5, context=ssl.create_default_context(cafile=sys.argv[4]))
else:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
connection.request("GET", path, headers={"Host": host})
answer = connection.getresponse()
print(answer.status, answer.read().decode().split("\n")[0])' "$@" 2>&1 | tail -n 1; }
stopped() { ! kill -0 "$1" 2>/dev/null || grep -q ') Z' "/proc/$1/stat"; }

expect_exit 9 "none runs" kube status
holds "which is told" err 'no kube runs for this profile'
expect_exit 9 "none to stop" kube stop
for port in 0 65536 -1 eighty ''; do expect_exit 2 "port \"$port\" is none" kube start "--port=$port"; done
expect_exit 2 "a certificate without its key" kube start --cert some.pem
expect_exit 3 "a folder that is not there" kube start --web nowhere
for origin in nonsense https://a.example/path ws://a.example 'https://a.example https://b.example'; do
    expect_exit 2 "\"$origin\" is no origin" kube start --web web --allow "$origin"
done
expect_exit 2 "a name that cannot be one" kube start --web web --host 'no name.example'

# A port of our own: other tests, and a person's own kube, may have the usual one.
free=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
expect_exit 0 "start returns" kube start --web web --port "$free" --json
started=$(value pid <out)
same "with what it is" "$(keys <out)" pid,listen,stun,connections,sockets,requests,uptime_s,secure,name,sites
pid=$(value pid <out)
same "it listens where it was told" "$(value listen <out)" "127.0.0.1:$free"
same "and has these sites" "$(value sites <out)" "['http://halo.kube.localhost:$free/', 'http://tasks.kube.localhost:$free/']"
same "the vault page" "$(ask "$free" "halo.kube.localhost:$free" /)" "200 <!doctype html><title>vault</title>"
same "an app" "$(ask "$free" "tasks.kube.localhost:$free" /)" "200 <!doctype html><title>tasks</title>"
same "a foreign name" "$(ask "$free" evil.example / | cut -c 1-3)" 421
same "no way out" "$(ask "$free" halo.kube.localhost /../secret | cut -c 1-3)" 400
same "health" "$(ask "$free" kube.localhost /healthz)" "200 ok"
ask "$free" "halo.kube.localhost:$free" /.well-known/dx/config | cut -c 5- >config
same "the configuration" "$(value vault <config) $(value signal <config)" \
    "http://halo.kube.localhost:$free ws://halo.kube.localhost:$free/.well-known/dx/signal"
stun=$("$dx" kube status --json 2>/dev/null | value stun)
same "and where STUN is" "$(value stun <config)" "stun:127.0.0.1:$stun"
same "which says how we look from there" "$(python3 -c 'import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect(("127.0.0.1", int(sys.argv[1])))
s.send(b"not STUN at all"); s.send(struct.pack(">HHI", 1, 0, 0x2112A442) + b"0123456789ab")
answer = s.recv(100)
port = struct.unpack(">H", answer[26:28])[0] ^ 0x2112
print(answer[:2].hex(), answer[8:20].decode(), port == s.getsockname()[1])' "$stun")" "0101 0123456789ab True"
# Signaling: the service speaks first; what is none of its protocol ends the WebSocket.
same "signaling" "$(python3 -c 'import socket, sys
def need(size):
    got = b""
    while len(got) < size:
        more = s.recv(size - len(got))
        if not more: raise SystemExit("closed early")
        got += more
    return got
def frame():
    head = need(2)
    size = head[1] if head[1] < 126 else int.from_bytes(need(2), "big")
    return head[0], need(size)
port = sys.argv[1]
s = socket.create_connection(("127.0.0.1", int(port)), 5)
s.send(("GET /.well-known/dx/signal HTTP/1.1\r\nHost: halo.kube.localhost:%s\r\nOrigin: http://halo.kube.localhost:%s\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n" % (port, port)).encode())
head = b""
while not head.endswith(b"\r\n\r\n"): head += need(1)
kind, hello = frame()
s.send(b"\x82\x83\0\0\0\0\xff\xff\xff")
closed = frame()
print(head[9:12].decode(), hex(kind), hello[1], hex(closed[0]), int.from_bytes(closed[1][:2], "big"))' "$free")" "101 0x82 1 0x88 1008"
same "is counted" "$(python3 -c 'import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])); c.request("GET", "/metrics")
print([row for row in c.getresponse().read().decode().split("\n") if row.startswith("dx_signaling_connections_total")][0])' "$free")" \
    "dx_signaling_connections_total 1"
expect_exit 6 "a second one is refused" kube start --web web
expect_exit 6 "and the port is taken for another profile" --profile other kube start --web web --port "$free"
holds "which is told" err 'cannot listen on 127.0.0.1'
expect_exit 0 "without --port another is found" --profile other kube start --web web -q
other=$("$dx" --profile other kube status --json 2>/dev/null | value listen)
"$dx" --profile other kube stop -q
"$dx" --profile other kube start --web web -q >/dev/null 2>&1
same "and kept" "$("$dx" --profile other kube status --json 2>/dev/null | value listen)" "$other"
expect_exit 0 "stopping one" --profile other kube stop
expect_exit 0 "leaves the other" kube status

printf 'new' >web/halo/new.txt
same "a new file is not there yet" "$(ask "$free" halo.kube.localhost /new.txt | cut -c 1-3)" 404
kill -HUP "$pid"
check "SIGHUP brings it" wait_for 5 sh -c "python3 -c 'import http.client
c = http.client.HTTPConnection(\"127.0.0.1\", $free); c.request(\"GET\", \"/new.txt\", headers={\"Host\": \"halo.kube.localhost\"})
exit(c.getresponse().status != 200)'"
kill -9 "$pid"
check "killed" wait_for 5 stopped "$pid"
expect_exit 9 "it is gone" kube status
expect_exit 0 "and starts again" kube start --web web --json
pid=$(value pid <out)
started=$pid
same "at the port it kept" "$(value listen <out)" "127.0.0.1:$free"
# Connections to the control socket that say nothing: the newest are heard, all end, and none holds up a stop.
hold() { python3 -c 'import socket, sys, time
talks = []
for i in range(20):
    talks.append(socket.socket(socket.AF_UNIX)); talks[-1].connect(sys.argv[1]); talks[-1].settimeout(8)
print("held", flush=True)
print("gave way" if talks[0].recv(1) == b"" else "?", "ended" if talks[-1].recv(1) == b"" else "?", flush=True)' "$(find "$XDG_RUNTIME_DIR" -type s)"; }
hold >held & holder=$!
wait_for 5 grep -q held held
expect_exit 0 "asked beside twenty that are silent" kube status
wait $holder
same "the oldest made room, the others had their time" "$(tail -n 1 held)" "gave way ended"
hold >held & holder=$!
wait_for 5 grep -q held held
expect_exit 0 "stop" kube stop --timeout 1
wait $holder
check "its process is gone" stopped "$pid"
started=''

# In the foreground
interruptible "$dx" kube start -f --web web --host home --json >foreground 2>lines &
kube=$!
started=$kube
wait_for 5 grep -q pid foreground
same "by another name" "$(ask "$free" halo.home.localhost / | cut -c 1-3) $(ask "$free" halo.kube.localhost / | cut -c 1-3)" "200 421"
cp lines err
holds "it tells each request" err 'GET halo.home.localhost/ 200'
kill -INT $kube
wait $kube
same "Ctrl-C stops it in order" $? 0

# By TLS
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=kube \
        -addext 'subjectAltName=DNS:kube.test,DNS:*.kube.test' 2>/dev/null
    expect_exit 0 "with a certificate" kube start --web web --host kube.test --port "$free" --cert cert.pem --key key.pem --json
    started=$(value pid <out)
    same "it is secure" "$(value secure <out)" True
    same "the page by TLS" "$(ask "$free" halo.kube.test / cert.pem)" "200 <!doctype html><title>vault</title>"
    same "a name the certificate does not hold" "$(ask "$free" halo.other.test / cert.pem | grep -c 'CERTIFICATE_VERIFY_FAILED')" 1
    expect_exit 0 "and stops" kube stop
    expect_exit 3 "a certificate that is not there" kube start --web web --cert nowhere.pem --key key.pem
    expect_exit 2 "a key that is none" kube start --web web --cert cert.pem --key cert.pem
else
    skip "by TLS" "openssl is not installed"
fi
plan
