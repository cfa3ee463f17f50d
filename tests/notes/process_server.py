# The server of the notes, section 11. Added: host and port come from the command line, the port that it listens at is
# printed, each line is printed at once, and processes are started by fork, which was the only way on Linux.
import sys
from multiprocessing import *
from socket import *

# 多进程函数
def dealWithClient(newSocket, destAddr):
    while True:
        recvData = newSocket.recv(1024)
        if len(recvData) > 0:
            print("revv[%s]:[%s]" % (str(destAddr), recvData), flush=True)
        else:
            print("[%s]客户端已关闭" % str(destAddr), flush=True)
            break
    newSocket.close()

def main():
    serSocket = socket(AF_INET, SOCK_STREAM)
    # 套接字可重复使用,注意跟广播参数不一样
    serSocket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    localAddr = (sys.argv[1], int(sys.argv[2]))
    serSocket.bind(localAddr)
    serSocket.listen(5)
    print(serSocket.getsockname()[1], flush=True)
    try:
        while True:
            print("-----主进程等待新客户端的到来-----", flush=True)
            newSocket, destAddr = serSocket.accept()
            print("-----创建一个新的进程负责处理数据[%s]" % str(destAddr), flush=True)

            client = Process(target=dealWithClient, args=(newSocket, destAddr))
            client.start()
            #进程可以关闭这个新客户端，但是线程不可以关闭这个套接字，因为线程共享数据
            newSocket.close()
    finally:
        serSocket.close()

if __name__ == '__main__':
    set_start_method("fork")
    main()
