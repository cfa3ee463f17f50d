// A server with a goroutine for each connection. With "lines" it sends each line back, with "fixed"
// 16 bytes once. It prints its port and ends when its standard input ends.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
)

func lines(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := connection.Write(line); err != nil {
			return
		}
	}
}

func fixed(connection net.Conn) {
	defer connection.Close()
	message := make([]byte, 16)
	if _, err := io.ReadFull(connection, message); err != nil {
		return
	}
	if _, err := connection.Write(message); err != nil {
		return
	}
	io.Copy(io.Discard, connection)
}

func main() {
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	handle := lines
	if os.Args[1] == "fixed" {
		handle = fixed
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go handle(connection)
	}
}
