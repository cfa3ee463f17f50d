mod families;
mod hosts;
mod lookup;
mod real_servers;
mod resolv_conf;
mod server_choice;
mod socket_names;
mod tcp;
