//! Drawbridge, the app.
