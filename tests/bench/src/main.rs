//! Measures the authorization server.
fn main() {}
