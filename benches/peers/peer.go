// As peer.c, with Go's net.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	protocol := os.Args[1][:3]
	if os.Args[1][3:] == "-echo" {
		buffer := make([]byte, 65536)
		if protocol == "udp" {
			socket := must(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
			fmt.Println(socket.LocalAddr().(*net.UDPAddr).Port)
			for {
				n, from, err := socket.ReadFromUDPAddrPort(buffer)
				must(n, err)
				must(socket.WriteToUDPAddrPort(buffer[:n], from))
			}
		}
		listener := must(net.Listen("tcp4", "127.0.0.1:0"))
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
		for {
			connection := must(listener.Accept())
			for {
				n, err := connection.Read(buffer)
				if err != nil {
					break
				}
				must(connection.Write(buffer[:n]))
			}
			connection.Close()
		}
	}
	count, size := must(strconv.Atoi(os.Args[3])), must(strconv.Atoi(os.Args[4]))
	connection := must(net.Dial(protocol, "127.0.0.1:"+os.Args[2]))
	buffer := make([]byte, size)
	began := time.Now()
	for i := 0; i < count; i++ {
		must(connection.Write(buffer))
		must(io.ReadFull(connection, buffer))
	}
	fmt.Println(time.Since(began).Nanoseconds())
}
