//! cloudflared: find, fetch, supervise, probe
