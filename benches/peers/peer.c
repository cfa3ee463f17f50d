// The two ends of a dialogue, by the system calls themselves: `peer udp-echo`, which prints its
// port, and `peer udp-ask PORT COUNT SIZE`, which prints how many nanoseconds COUNT answers took;
// and the same with `tcp`.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void whole(int fd, char *buffer, size_t size) {
    for (size_t got = 0; got < size;) {
        ssize_t n = recv(fd, buffer + got, size - got, 0);
        must(n > 0, "recv");
        got += n;
    }
}

int main(int count, char **words) {
    must(count == 2 || count == 5, "usage");
    int tcp = words[1][0] == 't', on = 1;
    int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    static char buffer[65536];
    if (!strcmp(words[1] + 3, "-echo")) {
        must(!bind(fd, (void *)&at, length) && !getsockname(fd, (void *)&at, &length), "bind");
        must(!tcp || !listen(fd, 8), "listen");
        printf("%d\n", ntohs(at.sin_port));
        fflush(stdout);
        for (;;) {
            if (!tcp) {
                ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&at, &length);
                must(n >= 0 && sendto(fd, buffer, n, 0, (void *)&at, length) == n, "echo");
                continue;
            }
            int own = accept(fd, NULL, NULL);
            must(own >= 0, "accept");
            setsockopt(own, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            ssize_t n;
            while ((n = recv(own, buffer, sizeof buffer, 0)) > 0) must(send(own, buffer, n, 0) == n, "send");
            close(own);
        }
    }
    size_t times = atol(words[3]), size = atol(words[4]);
    at.sin_port = htons(atoi(words[2]));
    must(size <= sizeof buffer && !connect(fd, (void *)&at, length), "connect");
    if (tcp) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (size_t i = 0; i < times; i++) {
        must(send(fd, buffer, size, 0) == (ssize_t)size, "send");
        whole(fd, buffer, size);
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%lld\n", (ended.tv_sec - began.tv_sec) * 1000000000LL + ended.tv_nsec - began.tv_nsec);
}
