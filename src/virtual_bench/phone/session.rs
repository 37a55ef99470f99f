//! Session descriptions (RFC 4566) of calls in which nothing is heard: nobody serves the port that they name.

use super::context::Context;

/// One audio stream. `held`: we do not listen to it.
pub fn offer(held: bool, context: &Context<'_>) -> (&'static str, String) {
    let ip = context.local.ip();
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let direction = if held { "sendonly" } else { "sendrecv" };
    let body = format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio 3000 RTP/AVP 8 0\r\na={direction}\r\n"
    );
    ("application/sdp", body)
}
