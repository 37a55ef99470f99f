//! Ethernet frames to addresses and payloads, and back.
