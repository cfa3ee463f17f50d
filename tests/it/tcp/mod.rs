mod client;
mod connection;
mod copy;
mod ending;
mod lines;
mod reconnect;
mod send_file;
