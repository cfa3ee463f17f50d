mod edges;
mod handles;
mod requests;
mod serve;
mod shutdown;
