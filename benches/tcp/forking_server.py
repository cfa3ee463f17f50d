"""Python's servers to compare with: each reads 16 bytes, writes them back, and reads to the end. They end with the standard
input."""

import os
import socketserver
import sys
import threading


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        message = b""
        while len(message) < 16:
            piece = self.request.recv(16 - len(message))
            if not piece:
                return
            message += piece
        self.request.sendall(message)
        while self.request.recv(16):
            pass


kind = {"forking": socketserver.ForkingTCPServer, "threading": socketserver.ThreadingTCPServer}[sys.argv[1]]
kind.request_queue_size = 1024
kind.max_children = 64


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


server = kind(("0.0.0.0", 0), Echo)
print(server.server_address[1], flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
server.serve_forever()
