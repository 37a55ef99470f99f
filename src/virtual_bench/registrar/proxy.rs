//! A proxy that stays in the path of calls (RFC 3261 sections 16.4 to 16.11) and has no memory, but for what it has to
//! repeat ([`Requests`](super::requests::Requests)): what becomes of a message on its way through. Repeats and CANCEL get the branch of the first request, as that is a hash of what they share with it.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::answer::{Asked, Way, hex};
use crate::wire::sip::{Message, Via, address, build_request, build_response};

/// Beginning of the branches that this proxy makes up, behind the magic of RFC 3261.
const BRANCH: &str = "z9hG4bK-on-";

/// The proxy itself.
#[derive(Debug, Clone, Copy)]
pub struct Proxy {
    /// Its SIP address.
    pub address: SocketAddr,
    /// Makes its branches its own.
    pub secret: u64,
}

impl Proxy {
    /// Values of `Route` without the one that led here.
    pub fn routes_beyond<'a>(&self, message: &'a Message) -> Vec<&'a str> {
        let ours = |route: &str| address::place(address::uri(route)) == Some(self.address);
        message.headers("Route").skip_while(|route| ours(route)).collect()
    }

    /// The request as it goes on, with that Request-URI.
    ///
    /// # Errors
    /// The status code that it is to be answered with.
    pub fn onward(&self, asked: &Asked<'_>, uri: &str, routes: &[&str], next: Way) -> Result<Vec<u8>, u16> {
        let message = asked.message;
        let vias: Vec<&str> = message.headers("Via").collect();
        let (top, below) = vias.split_first().ok_or(400_u16)?;
        let top = Via::parse(top).ok_or(400_u16)?;
        if vias.iter().filter_map(|via| Via::parse(via)).any(|via| via.is_of(self.address)) {
            return Err(482);
        }
        let hops: u8 = match message.header("Max-Forwards") {
            Some(text) => text.parse().map_err(|_| 400_u16)?,
            None => 70,
        };
        let hops = hops.checked_sub(1).ok_or(483_u16)?.to_string();
        let came_over = match asked.way {
            Way::Connection(conn) => format!(";conn={conn}"),
            Way::Datagram(_) => String::new(),
        };
        let (transport, branch) = (next.transport(), self.branch(message));
        let own = format!("SIP/2.0/{transport} {};branch={branch}{came_over}", self.address);
        let received = top.received_from(asked.from);
        let record = format!("<sip:{};lr>", self.address);

        let mut headers = vec![("Via", own.as_str()), ("Via", &received)];
        headers.extend(below.iter().map(|via| ("Via", *via)));
        headers.extend(routes.iter().map(|route| ("Route", *route)));
        headers.push(("Max-Forwards", &hops));
        if asked.method == "INVITE" && asked.dialog_tag().is_none() {
            headers.push(("Record-Route", &record));
        }
        // Credentials for us are nobody else's business.
        let rest = ["Via", "Route", "Max-Forwards", "Content-Length", "Proxy-Authorization"];
        headers.extend(without(message, &rest));
        build_request(asked.method, uri, &headers, message.body()).map_err(|_| 400)
    }

    /// A response as it goes back, and where; none if it is not for us to pass on.
    pub fn back(&self, message: &Message, code: u16, reason: &str) -> Option<(Way, Vec<u8>)> {
        let vias: Vec<&str> = message.headers("Via").collect();
        let (own, below) = vias.split_first()?;
        let own = Via::parse(own).filter(|via| via.is_of(self.address))?;
        if !own.parameter("branch")?.starts_with(BRANCH) {
            return None;
        }
        let way = match own.parameter("conn") {
            Some(conn) => Way::Connection(conn.parse().ok()?),
            None => Way::Datagram(Via::parse(below.first()?)?.reply_to()?),
        };
        let mut headers: Vec<(&str, &str)> = below.iter().map(|via| ("Via", *via)).collect();
        headers.extend(without(message, &["Via", "Content-Length"]));
        Some((way, build_response(code, reason, &headers, message.body()).ok()?))
    }

    /// The branch that a request goes on with.
    pub fn branch(&self, message: &Message) -> String {
        let mut hash = Sha256::new().chain_update(self.secret.to_be_bytes());
        match message.via_branch().filter(|branch| branch.starts_with("z9hG4bK")) {
            Some(branch) => hash.update(branch),
            // A sender older than RFC 3261: its transactions are told apart by these (section 16.11).
            None => {
                let number = message.header("CSeq").and_then(|cseq| cseq.split_whitespace().next());
                for part in [message.header("Call-ID"), message.header("From"), number] {
                    hash.update(part.unwrap_or_default());
                    hash.update([0]);
                }
            }
        }
        hash.update(message.headers("Via").next().unwrap_or_default());
        format!("{BRANCH}{}", hex(&hash.finalize()[..8]))
    }
}

fn without<'a>(message: &'a Message, names: &[&str]) -> Vec<(&'a str, &'a str)> {
    message.fields().filter(|(name, _)| !names.iter().any(|not| not.eq_ignore_ascii_case(name))).collect()
}
