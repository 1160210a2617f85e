# program: Python's web server with keep-alive clients, a process each
# run: python3 web.py
# needs: python3
import hashlib
import http.client
import http.server
import multiprocessing
import os
import socketserver
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = hashlib.sha256(body).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def client(number, port, counts):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    n = 0
    while True:
        body = (b"%d " % number) * (n % 40000)
        connection.request("POST", "/", body)
        answer = connection.getresponse().read().decode()
        if answer != hashlib.sha256(body).hexdigest():
            print("bad: client", number, "request", n, answer, flush=True)
            os._exit(1)
        n += 37
        counts[number] += 1
        time.sleep(0.002)


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    counts = multiprocessing.Array("L", 4)
    clients = [
        multiprocessing.Process(
            target=client, args=(i, server.server_address[1], counts), daemon=True)
        for i in range(4)
    ]
    for process in clients:
        process.start()
    before = [0] * 4
    n = 0
    while not os.path.exists("finish"):
        time.sleep(0.03)
        if all(now > then for now, then in zip(counts, before)):
            before = list(counts)
            n += 1
            print("tick", n, flush=True)
        if not all(process.is_alive() for process in clients):
            print("bad: a client has ended", flush=True)
            sys.exit(1)
    print("ok", flush=True)
    os._exit(3)


if __name__ == "__main__":
    main()
