# A client for the server of the notes, section 11, which has none there. It is the one of section 8, and sends each line
# of its input as a piece until the input ends. Host, port and encoding come from the command line, and the port that it
# speaks from is printed.
import sys
from socket import *

# 创建套接字
clientSocket = socket(AF_INET, SOCK_STREAM)
clientSocket.connect((sys.argv[1], int(sys.argv[2])))
print(clientSocket.getsockname()[1], flush=True)

for line in sys.stdin:
    clientSocket.send(line.rstrip("\n").encode(sys.argv[3]))

clientSocket.close()
