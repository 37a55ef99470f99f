//! Session descriptions (RFC 8866) of calls.

use super::context::Context;

/// Where a phone hears and from where it speaks.
pub const PORT: u16 = 3000;

/// One audio stream. `held`: we do not listen to it.
pub fn offer(held: bool, context: &Context<'_>) -> (&'static str, String) {
    let ip = context.local.ip();
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let direction = if held { "sendonly" } else { "sendrecv" };
    let body = format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {PORT} RTP/AVP 8 0\r\na={direction}\r\n"
    );
    ("application/sdp", body)
}
