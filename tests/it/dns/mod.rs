#[cfg(feature = "dns")]
mod deadline;
#[cfg(feature = "dns")]
mod edns;
#[cfg(feature = "dns")]
mod families;
#[cfg(feature = "dns")]
mod flush;
#[cfg(feature = "dns")]
mod forgery;
#[cfg(feature = "dns")]
mod hosts;
#[cfg(feature = "dns")]
mod lookup;
#[cfg(feature = "dns")]
mod partial_answers;
#[cfg(feature = "dns")]
mod real_servers;
#[cfg(feature = "dns")]
mod records;
#[cfg(feature = "dns")]
mod resolv_conf;
#[cfg(feature = "dns")]
mod server_choice;
#[cfg(feature = "dns")]
mod socket_names;
#[cfg(feature = "dns")]
mod tcp;
mod without_queries;
#[cfg(feature = "dns")]
mod zones;
