mod requests;
mod serve;
mod shutdown;
