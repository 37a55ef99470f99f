//! Capture files: pcapng with one interface per side of the bridge.
