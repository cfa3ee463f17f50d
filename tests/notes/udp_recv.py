# The receiver of the notes, section 5. Added: host, port and encoding come from the command line, and the port that it
# is bound to is printed.
import sys
from socket import *

# 创建套接字
udpSocket = socket(AF_INET, SOCK_DGRAM)

# 绑定本地相关信息
bindAddr = (sys.argv[1], int(sys.argv[2]))
udpSocket.bind(bindAddr)
print(udpSocket.getsockname()[1], flush=True)

# 等待接收对方发送的数据
receData = udpSocket.recvfrom(1024)
content, destinfo = receData

# 显示接收的数据
print("content is %s"%content.decode(sys.argv[3]))

udpSocket.close()
