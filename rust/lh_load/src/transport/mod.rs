//! The server without an engine: the same messages over the same transport, nothing decided and nothing stored.
//! What the product achieves is compared with it in the same run, because no machine is as fast today as yesterday.
pub mod child;
mod exchange;
pub mod server;
