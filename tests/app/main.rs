//! The whole app from outside.
