//! Words that are nobody's name.

/// Whether a word in lower case stands for somebody who is not named (RFC 3323 section 4.1.1.3, RFC 2606, RFC 6761).
pub fn is_nobody(word: &[u8]) -> bool {
    contains(&NOBODY, word)
}

/// Whether a word in lower case is one that programs write into reasons and warnings, and the bridge into a capture.
pub fn is_of_the_trade(word: &[u8]) -> bool {
    contains(&TRADE, word)
}

fn contains(sorted: &[&str], word: &[u8]) -> bool {
    sorted.binary_search_by(|known| known.as_bytes().cmp(word)).is_ok()
}

const NOBODY: [&str; 6] = ["anonymous", "invalid", "localhost", "restricted", "unavailable", "withheld"];

#[rustfmt::skip]
const TRADE: [&str; 406] = [
    "a", "able", "accept", "acceptable", "accepted", "access", "ack", "address", "addresses", "after", "again",
    "alert", "all", "allocated", "allowed", "already", "alternate", "alternative", "although", "an", "and",
    "answer", "answered", "any", "are", "at", "attempt", "auth", "authentication", "authorization", "available",
    "away", "backup", "bad", "be", "because", "been", "before", "begin", "behind", "between", "body", "both",
    "bridge", "broken", "busy", "but", "by", "bye", "call", "called", "caller", "canary", "cancel", "cancelled",
    "cannot", "challenge", "changed", "check", "client", "close", "closed", "code", "codec", "codecs", "complete",
    "completed", "conference", "configuration", "conflict", "congestion", "connect", "connected", "connection",
    "consent", "contact", "content", "could", "credentials", "data", "dead", "decline", "declined", "default",
    "delay", "delayed", "denied", "dest", "destination", "detected", "device", "dialog", "did", "different",
    "digest", "disabled", "display", "dns", "do", "does", "domain", "down", "drop", "dropped", "due", "duplicate",
    "during", "early", "empty", "end", "ended", "error", "event", "everywhere", "exceeded", "exist", "existing",
    "exists", "expired", "expires", "extension", "fail", "failback", "failed", "failover", "failure", "field",
    "final", "first", "for", "forbidden", "force", "format", "forwarding", "found", "frame", "from", "full",
    "gateway", "general", "given", "go", "gone", "got", "had", "handshake", "has", "have", "header", "headers",
    "here", "hold", "home", "hops", "host", "if", "ignored", "in", "incoming", "incompatible", "info", "initial",
    "injected", "insufficient", "intermediate", "internal", "interval", "into", "invalid", "invite", "ip", "ipv",
    "is", "it", "item", "its", "just", "keep", "kept", "known", "large", "last", "late", "leak", "left", "length",
    "less", "level", "limit", "line", "link", "list", "local", "location", "long", "loop", "lost", "made", "many",
    "match", "matching", "may", "media", "message", "messages", "method", "mid", "missing", "mode", "more", "moved",
    "multiple", "must", "nat", "network", "new", "next", "no", "node", "none", "normal", "not", "notify", "now",
    "number", "of", "off", "offered", "offline", "ok", "old", "on", "once", "one", "online", "only", "open",
    "options", "or", "order", "other", "out", "outage", "over", "own", "packet", "packets", "parameter", "parse",
    "pass", "passed", "payload", "peer", "pending", "permanently", "permitted", "phone", "policy", "port",
    "precondition", "present", "primary", "proceeding", "process", "progress", "protocol", "provided", "proxy",
    "publish", "queue", "queued", "reached", "ready", "reason", "received", "redirect", "refer", "refused",
    "register", "registered", "registrar", "registration", "registrations", "rejected", "release", "remote",
    "removed", "renegotiation", "repeated", "reply", "request", "requested", "require", "required", "reset",
    "resource", "response", "restored", "retransmission", "retransmitted", "retry", "ring", "ringing", "route",
    "sdp", "second", "seconds", "secure", "see", "sent", "sequence", "server", "servers", "service", "session",
    "setting", "settings", "short", "signal", "sip", "size", "small", "some", "source", "spam", "spec", "sres",
    "start", "started", "state", "status", "step", "stream", "such", "support", "supported", "switch", "syntax",
    "system", "tag", "tcp", "temporarily", "temporary", "terminated", "test", "than", "that", "the", "their",
    "then", "there", "this", "time", "timed", "timeout", "timer", "tls", "to", "too", "transaction", "transfer",
    "transport", "trunk", "try", "trying", "two", "type", "udp", "unable", "unauthorized", "unavailable",
    "undecipherable", "unexpected", "unknown", "unreachable", "unresolved", "unsupported", "until", "unwanted",
    "up", "update", "upgrade", "uri", "url", "use", "used", "user", "using", "valid", "value", "version", "via",
    "voicemail", "wait", "waiting", "was", "way", "were", "when", "while", "will", "with", "within", "without",
    "wrong", "yet",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found() {
        assert!(NOBODY.iter().all(|word| is_nobody(word.as_bytes())));
        assert!(TRADE.iter().all(|word| is_of_the_trade(word.as_bytes())));
        assert!(!is_of_the_trade(b"anna") && !is_nobody(b"") && !is_of_the_trade(b"Call"));
    }
}
