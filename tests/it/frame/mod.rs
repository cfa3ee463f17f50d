mod split;
mod stream;
