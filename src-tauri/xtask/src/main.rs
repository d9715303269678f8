//! Drawbridge's own build commands.
fn main() {}
