mod edges;
mod handles;
mod pressure;
mod requests;
mod serve;
mod shutdown;
