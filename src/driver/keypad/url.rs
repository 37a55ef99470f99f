//! Keys that are pressed by requests for addresses of a phone's web interface (Snom, Yealink, and whoever's model says how).
//!
//! Not here: which addresses these are (phone models), and the bytes of HTTP and of digests (`wire`).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    super::{clock::RunClock, push::ask},
    single::{Held, Presser, called},
};
use crate::{
    config::KeyUrl,
    event::KeyName,
    wire::{
        aastra_xml::Objection,
        digest::{Challenge, Credentials},
        http::{HttpRequest, HttpResponse, HttpUrl},
    },
};

/// What a name of a key may hold in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.').remove(b'*');

/// User and password of a web interface. Its `Debug` form says nothing of the password.
#[derive(Clone)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Presses keys by requests.
#[derive(Debug)]
pub struct UrlKeys {
    /// The phone's web interface.
    pub to: SocketAddr,
    /// Our own address, which the phone may have to know; none: what the system chooses.
    pub from: Option<IpAddr>,
    /// Which requests press keys.
    pub url: KeyUrl,
    /// What its keys are called there.
    pub names: BTreeMap<KeyName, String>,
    /// Who asks.
    pub account: Option<Account>,
    /// How long an answer is waited for is told by it.
    pub clock: RunClock,
}

impl UrlKeys {
    /// The request for a key, without credentials; none if keys can not be held.
    fn request(&self, name: &str, held: Held) -> Option<HttpRequest> {
        let name = utf8_percent_encode(name, PLAIN).to_string();
        let path = if held.asked {
            self.url.hold.as_ref()?.replace("{ms}", &held.span.as_millis().to_string())
        } else {
            self.url.press.clone()
        };
        Some(HttpRequest::get(&HttpUrl::of(self.to, &path.replace("{key}", &name))))
    }

    /// Asks, and asks again with credentials if the phone wants to know who asks.
    async fn ask(&self, request: &HttpRequest) -> Result<(), Objection> {
        let (answer, own) = ask(self.to, self.from, &request.to_bytes(), &self.clock).await?;
        let answer = match (answer.code, &self.account) {
            (401, Some(account)) => {
                let request = authorized(request.clone(), account, &answer);
                ask(self.to, self.from, &request.to_bytes(), &self.clock).await?.0
            }
            _ => answer,
        };
        self.objection(answer.code, own).map_or(Ok(()), Err)
    }

    /// What an answer has against a press; none: the phone took it.
    fn objection(&self, code: u16, own: IpAddr) -> Option<Objection> {
        let to = self.to;
        let allow = self.url.allow.as_ref().map(|allow| allow.replace("{rig}", &own.to_string()));
        Some(match code {
            200..=299 => return None,
            401 if self.account.is_none() => Objection::new(
                format!("{to} asks who presses its keys (401)"),
                "give the keypad `user` and `password-file`",
            ),
            401 => {
                Objection::new(format!("{to} does not take user and password of the bench file (401)"), "correct them")
            }
            403 => {
                let remedy = allow.unwrap_or_else(|| format!("allow {own} to control the phone, in its web interface"));
                Objection::new(format!("{to} lets nobody at {own} press its keys (403)"), remedy)
            }
            404 | 405 => {
                let what = format!("{to} knows no address that presses keys ({code})");
                Objection::new(what, "is the model the right one, and is that its web interface?")
            }
            _ => Objection::new(format!("{to} answered {code} to a press"), "look into the phone's own log"),
        })
    }
}

impl Presser for UrlKeys {
    async fn press(&mut self, keys: &[KeyName], held: Held, secret: bool) -> Result<(), String> {
        let said = called(keys, secret);
        let [key] = keys else { return Err(format!("{said} can not be pressed at once by requests")) };
        let name =
            self.names.get(key).ok_or_else(|| format!("the phone's model has no name in requests for {said}"))?;
        let request = self.request(name, held).ok_or_else(|| format!("{said} can not be held by a request"))?;
        self.ask(&request).await.map_err(|objection| objection.to_string())
    }
}

/// The same request with credentials: a digest if the phone offers one, else the password as it is.
pub fn authorized(request: HttpRequest, account: &Account, answer: &HttpResponse) -> HttpRequest {
    let Account { user, password } = account;
    let offered = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
    match Challenge::best(offered.map(|(_, value)| value.as_str())) {
        Some(challenge) => {
            let cnonce = format!("{:016x}", fastrand::u64(..));
            let (method, target) = (request.method.as_str(), request.target.as_str());
            let credentials = Credentials::answer(&challenge, method, target, user, password, &cnonce, 1);
            request.with("Authorization", &credentials)
        }
        None => request.authorized(user, password),
    }
}
