mod client;
mod connection;
mod ending;
mod lines;
mod reconnect;
mod send_file;
