//! The body of a NOTIFY about message waiting, `application/simple-message-summary` (RFC 3842 section 5.2).

/// Whether messages wait; none: it does not say.
pub fn is_waiting(body: &[u8]) -> Option<bool> {
    body.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if !name.eq_ignore_ascii_case(b"Messages-Waiting") {
            return None;
        }
        match value {
            yes if yes.eq_ignore_ascii_case(b"yes") => Some(true),
            no if no.eq_ignore_ascii_case(b"no") => Some(false),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_yes_or_no_or_nothing() {
        assert_eq!(is_waiting(b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"), Some(true));
        assert_eq!(is_waiting(b"Message-Account: sip:1001@bench.test\nmessages-waiting :NO\n"), Some(false));
        for silent in ["", "Messages-Waiting: perhaps\r\n", "Voice-Message: 2/8\r\n", "Messages-Waiting\r\n"] {
            assert_eq!(is_waiting(silent.as_bytes()), None, "{silent}");
        }
    }
}
