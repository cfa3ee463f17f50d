"""ThreadingTCPServer that sends each line back. It prints its port and ends when its standard input ends."""

import os
import socketserver
import sys
import threading


class Echo(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 4096
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # A client that disconnects is not an error here.


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


server = Server(("0.0.0.0", 0), Echo)
print(server.server_address[1], flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
server.serve_forever()
