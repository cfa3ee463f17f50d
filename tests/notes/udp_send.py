# The sender of the notes, section 4. Added: host, port and encoding come from the command line.
import sys
from socket import *

# 创建套接字UDP
udpSocket = socket(AF_INET, SOCK_DGRAM)

# 接收方地址
sendAddr = (sys.argv[1], int(sys.argv[2]))

# 发送的数据
sendData = input("请输入要发送的数据：")

# 发送数据到指定电脑上
udpSocket.sendto(sendData.encode(sys.argv[3]), sendAddr)

# 关闭套接字
udpSocket.close()
