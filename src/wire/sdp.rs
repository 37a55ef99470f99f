//! Session descriptions (RFC 8866), as far as it must be known where speech goes and whether any is to be expected (RFC 3264).
//!
//! Of what somebody else wrote so much is read and no more; what is not understood is passed over.

use crate::event::AudioLine;

/// Longest description that is read, in bytes, and most lines of it: a thousandth of what a datagram can hold is usual.
const LONGEST: usize = 16_384;
const MOST_LINES: usize = 512;

/// Media type of a description.
pub const CONTENT_TYPE: &str = "application/sdp";

/// Comfort noise at 8 kHz (RFC 3551 section 6, table 4).
const COMFORT_NOISE: &str = "13";

/// The first audio stream; none: there is none, or it can not be read.
pub fn audio(body: &[u8]) -> Option<AudioLine> {
    let text = String::from_utf8_lossy(body.get(..LONGEST.min(body.len()))?);
    let mut of_all = Level::default();
    let mut lines = text.lines().take(MOST_LINES).map(str::trim_end);
    let (port, pauses) = loop {
        let line = lines.next()?;
        match line.strip_prefix("m=audio ") {
            Some(stream) => break stream_of(stream)?,
            // Before it another stream may come, whose lines are its own.
            None if line.starts_with("m=") => {
                let mut rest = lines.skip_while(|line| !line.starts_with("m=audio "));
                let stream = stream_of(rest.next()?.strip_prefix("m=audio ")?)?;
                return Some(finish(of_all, rest, stream));
            }
            None => of_all.read(line),
        }
    };
    Some(finish(of_all, lines, (port, pauses)))
}

/// What holds for all streams, or for one.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    address: Option<std::net::IpAddr>,
    /// Sends, receives.
    direction: Option<(bool, bool)>,
}

impl Level {
    fn read(&mut self, line: &str) {
        if let Some(connection) = line.strip_prefix("c=IN IP4 ").or_else(|| line.strip_prefix("c=IN IP6 ")) {
            // A group has its lifetime behind it.
            self.address = connection.split(['/', ' ']).next().and_then(|address| address.parse().ok());
        }
        self.direction = match line {
            "a=sendrecv" => Some((true, true)),
            "a=sendonly" => Some((true, false)),
            "a=recvonly" => Some((false, true)),
            "a=inactive" => Some((false, false)),
            _ => self.direction,
        };
    }
}

/// Port of `49170 RTP/AVP 8 0`, and whether it offers comfort noise.
fn stream_of(stream: &str) -> Option<(u16, bool)> {
    let mut words = stream.split(' ');
    let port = words.next()?.split('/').next()?.parse().ok()?;
    Some((port, words.skip(1).any(|format| format == COMFORT_NOISE)))
}

fn finish<'a>(of_all: Level, lines: impl Iterator<Item = &'a str>, (port, pauses): (u16, bool)) -> AudioLine {
    let mut own = Level::default();
    lines.take_while(|line| !line.starts_with("m=")).for_each(|line| own.read(line));
    let (sends, receives) = own.direction.or(of_all.direction).unwrap_or((true, true));
    AudioLine { address: own.address.or(of_all.address), port, sends, receives, pauses }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<AudioLine> {
        audio(text.replace('\n', "\r\n").as_bytes())
    }

    fn line(address: Option<&str>, port: u16, (sends, receives): (bool, bool)) -> AudioLine {
        AudioLine { address: address.map(|it| it.parse().unwrap()), port, sends, receives, pauses: false }
    }

    #[test]
    fn the_first_audio_stream_is_read_with_what_holds_for_it() {
        let all = "v=0\no=- 1 1 IN IP4 10.77.0.9\ns=-\nc=IN IP4 10.77.0.11\nt=0 0\n";
        let rows = [
            ("m=audio 3000 RTP/AVP 8 0\n", line(Some("10.77.0.11"), 3000, (true, true))),
            ("a=inactive\nm=audio 3000 RTP/AVP 8\n", line(Some("10.77.0.11"), 3000, (false, false))),
            ("a=inactive\nm=audio 3000/2 RTP/AVP 8\na=sendonly\n", line(Some("10.77.0.11"), 3000, (true, false))),
            (
                "m=audio 3000 RTP/AVP 8\nc=IN IP6 2001:db8::1\na=recvonly\n",
                line(Some("2001:db8::1"), 3000, (false, true)),
            ),
            (
                "m=audio 3000 RTP/AVP 8\nm=video 4000 RTP/AVP 99\na=inactive\n",
                line(Some("10.77.0.11"), 3000, (true, true)),
            ),
            (
                "m=video 4000 RTP/AVP 99\nc=IN IP4 1.1.1.1\na=inactive\nm=audio 0 RTP/AVP 8\n",
                line(Some("10.77.0.11"), 0, (true, true)),
            ),
            ("m=audio 3000 RTP/AVP 8\nc=IN IP4 media.example.net\n", line(Some("10.77.0.11"), 3000, (true, true))),
        ];
        for (stream, expected) in rows {
            assert_eq!(read(&format!("{all}{stream}")), Some(expected), "{stream}");
        }
        let pauses = read("c=IN IP4 224.2.1.1/127\nm=audio 3000 RTP/AVP 8 13 101\n").unwrap();
        assert!(pauses.pauses);
        assert_eq!(pauses.place(), Some("224.2.1.1:3000".parse().unwrap()));
        assert_eq!(read("c=IN IP4 0.0.0.0\nm=audio 3000 RTP/AVP 8\n").unwrap().place(), None, "a hold of the old kind");
        for nothing in
            ["", "v=0\n", "m=video 4000 RTP/AVP 99\n", "m=audio many RTP/AVP 8\n", "m=audio 70000 RTP/AVP 8\n"]
        {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_too_long_is_read_no_further() {
        let far = format!("{}m=audio 3000 RTP/AVP 8\n", "a=x\n".repeat(MOST_LINES));
        assert_eq!(read(&far), None);
        let long = format!("a={}\nm=audio 3000 RTP/AVP 8\n", "x".repeat(LONGEST));
        assert_eq!(read(&long), None);
    }

    proptest! {
        #[test]
        fn nobody_can_write_anything_that_breaks_it(body in proptest::collection::vec(any::<u8>(), 0..400), text in "[cm=a udio\r\nINP46./0-9sendrcvoly]{0,200}") {
            let _ = audio(&body);
            let _ = audio(text.as_bytes());
        }
    }
}
