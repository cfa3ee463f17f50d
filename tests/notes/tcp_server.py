# The server of the notes, section 7. Added: host and port come from the command line, and the port that it listens at is
# printed.
import sys
from socket import *
# 创建套接字
serverSocket = socket(AF_INET, SOCK_STREAM)
# 绑定端口
serverSocket.bind((sys.argv[1], int(sys.argv[2])))
# 改为被动接听模式
serverSocket.listen(5)
print(serverSocket.getsockname()[1], flush=True)
# 等待接电话，此时堵塞，clientsocket为新的服务客户的客户端，clientaddr为客户地址
clientsocket, clientaddr = serverSocket.accept()
# 新套接字接受信息
recvDate = clientsocket.recv(1024)

print("%s:%s" % (str(clientaddr), recvDate))

clientsocket.close()
serverSocket.close()
