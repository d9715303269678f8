//! `/mcp`: the bearer check, and the tools behind it.

mod bearer;
mod tools;
