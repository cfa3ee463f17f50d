mod loopback;
