//! SIP messages through rsip, behind a layer that tolerates what phones send.
