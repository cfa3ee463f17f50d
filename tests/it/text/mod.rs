mod characters;
mod iconv;
mod kit;
mod labels;
mod properties;
mod python;
mod stream;
