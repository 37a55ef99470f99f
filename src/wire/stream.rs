//! TCP segments to a byte stream, and a byte stream to SIP messages.
