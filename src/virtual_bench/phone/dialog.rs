//! A dialog as one side of it knows it (RFC 3261 section 12). What is sent inside goes to its route, never by the rule
//! of primary and backup.

use std::net::SocketAddr;

use super::{context::Context, draft::Draft};
use crate::wire::sip::{Message, address};

/// A dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    /// Where the message came from that made the dialog, for targets that are names.
    source: SocketAddr,
}

impl Dialog {
    /// The caller's or subscriber's side: from what was sent and the answer to it. Servers that name no contact are reached
    /// by what was asked for.
    pub fn of_answer(answer: &Message, asked: &Draft) -> Option<Self> {
        let mut routes: Vec<String> = answer.headers("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Some(Self {
            call_id: answer.header("Call-ID")?.to_owned(),
            local: answer.header("From")?.to_owned(),
            remote: answer.header("To")?.to_owned(),
            target: answer.header("Contact").map_or(asked.uri.as_str(), address::uri).to_owned(),
            routes,
            source: asked.to,
        })
    }

    /// The other side: from the request, and the tag of the answer to it.
    pub fn of_request(request: &Message, tag: &str, source: SocketAddr) -> Option<Self> {
        Some(Self {
            call_id: request.header("Call-ID")?.to_owned(),
            local: format!("{};tag={tag}", request.header("To")?),
            remote: request.header("From")?.to_owned(),
            target: address::uri(request.header("Contact")?).to_owned(),
            routes: request.headers("Record-Route").map(str::to_owned).collect(),
            source,
        })
    }

    /// Whether a request that came in belongs to it.
    pub fn owns(&self, request: &Message) -> bool {
        let tag = |name| request.header(name).and_then(address::tag);
        request.header("Call-ID") == Some(self.call_id.as_str())
            && tag("To") == address::tag(&self.local)
            && tag("From") == address::tag(&self.remote)
    }

    /// Whether an answer is to a request inside it.
    pub fn has_answered(&self, answer: &Message) -> bool {
        answer.header("Call-ID") == Some(self.call_id.as_str())
    }

    /// A re-INVITE moves the other end (RFC 3261 section 12.2).
    pub fn refresh(&mut self, message: &Message) {
        if let Some(contact) = message.header("Contact") {
            address::uri(contact).clone_into(&mut self.target);
        }
    }

    /// Next hop.
    pub fn next_hop(&self) -> SocketAddr {
        let first = self.routes.first().map_or(self.target.as_str(), |route| address::uri(route));
        address::place(first).unwrap_or(self.source)
    }

    /// A request inside it.
    pub fn draft(&self, method: &'static str, user: &str, context: &Context<'_>) -> Draft {
        let mut headers = vec![("From", self.local.clone()), ("To", self.remote.clone())];
        headers.extend(self.routes.iter().map(|route| ("Route", route.clone())));
        headers.push(("Contact", format!("<{}>", context.contact(user))));
        Draft {
            method,
            uri: self.target.clone(),
            to: self.next_hop(),
            call_id: self.call_id.clone(),
            headers,
            body: None,
        }
    }
}
