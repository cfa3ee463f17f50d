mod client;
mod connection;
mod lines;
mod reconnect;
mod send_file;
