"""As peer.c, with Python's socket."""
import sys
from socket import AF_INET, IPPROTO_TCP, SOCK_DGRAM, SOCK_STREAM, TCP_NODELAY, socket
from time import monotonic_ns

is_tcp = sys.argv[1].startswith("tcp")
sock = socket(AF_INET, SOCK_STREAM if is_tcp else SOCK_DGRAM)
if sys.argv[1].endswith("-echo"):
    sock.bind(("127.0.0.1", 0))
    if is_tcp:
        sock.listen(8)
    print(sock.getsockname()[1], flush=True)
    while not is_tcp:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)
    while True:
        own, _ = sock.accept()
        own.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        while data := own.recv(65536):
            own.sendall(data)
        own.close()
port, count, size = map(int, sys.argv[2:])
sock.connect(("127.0.0.1", port))
if is_tcp:
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
message = bytes(size)
began = monotonic_ns()
for _ in range(count):
    sock.send(message)
    got = 0
    while got < size:
        got += len(sock.recv(size - got))
print(monotonic_ns() - began)
