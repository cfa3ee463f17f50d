# The broadcast of the notes, section 6. Added: the port, and the address if it is another one, come from the command line;
# what is sent is bytes, as Python 3 wants it; each line is printed at once; and it does not wait for ever.
import socket, sys
# 广播地址
dest = (sys.argv[2] if len(sys.argv) > 2 else "<broadcast>", int(sys.argv[1]))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
# 对套接字进行修改，否则不能广播
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
# 广播发出
s.sendto(b"hi", dest)
while True:
    (buf, address) = s.recvfrom(2048)
    print("Received from %s: %s" % (address, buf), flush=True)
