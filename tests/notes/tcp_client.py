# The client of the notes, section 8. Added: host, port, encoding and text come from the command line.
import sys
from socket import *

# 创建套接字
clientSocket = socket(AF_INET, SOCK_STREAM)
clientSocket.connect((sys.argv[1], int(sys.argv[2])))

clientSocket.send(sys.argv[4].encode(sys.argv[3]))
recvData = clientSocket.recv(1024)

print("recvData:%s" % recvData)

clientSocket.close()
