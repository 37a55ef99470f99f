//! Pages that are fetched by HTTP: one request for each connection, with credentials where they are asked for, and an end to
//! everything: to the time, to the length.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    clock::RunClock,
    keypad::url::{Account, authorized},
    push::{PATIENCE, connect, silent},
};
use crate::wire::{
    aastra_xml::Objection,
    http::{HttpError, HttpRequest, HttpResponse, ResponseReader},
};

/// Where a page is, and who asks for it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Who has it.
    pub to: SocketAddr,
    /// Our own address; none: what the system chooses.
    pub from: Option<IpAddr>,
    /// Who asks; none: nobody in particular.
    pub account: Option<Account>,
    /// What it is, for people: `the status page of p1`.
    pub what: String,
}

impl Place {
    /// The body of the answer.
    ///
    /// # Errors
    /// If there is none in time, or it is no success.
    pub async fn fetch(&self, request: &HttpRequest, clock: &RunClock) -> Result<Vec<u8>, Objection> {
        let until = clock.now() + PATIENCE;
        tokio::select! {
            answered = self.ask(request) => answered,
            () = clock.wait(Some(until)) => Err(silent(self.to, self.from)),
        }
    }

    async fn ask(&self, request: &HttpRequest) -> Result<Vec<u8>, Objection> {
        let answer = self.exchange(request).await?;
        let answer = match (answer.code, &self.account) {
            (401, Some(account)) => self.exchange(&authorized(request.clone(), account, &answer)).await?,
            _ => answer,
        };
        let (to, what) = (self.to, &self.what);
        match (answer.code, &self.account) {
            (200, _) => Ok(answer.body),
            (401, None) => {
                let remedy = "give it `user` and `password-file` in the bench file";
                Err(Objection::new(format!("{to} asks who wants {what} (401)"), remedy))
            }
            (401 | 403, _) => {
                let remedy = "correct `user` and `password-file` in the bench file";
                Err(Objection::new(format!("{to} does not show {what} ({})", answer.code), remedy))
            }
            (404, _) => Err(Objection::new(format!("{to} does not have {what} (404)"), "is that its path?")),
            (code, _) => Err(Objection::new(format!("{to} answered {code} for {what}"), "look into its own log")),
        }
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, Objection> {
        let to = self.to;
        let mut stream = connect(to, self.from).await?;
        let broken =
            |error: io::Error| Objection::new(format!("{to} broke the connection off: {error}"), "is it booting?");
        let unread =
            |error: HttpError| Objection::new(format!("{to} gave no answer that can be read: {error}"), "is that it?");
        stream.write_all(&request.to_bytes()).await.map_err(broken)?;
        let (mut reader, mut piece) = (ResponseReader::default(), [0; 4096]);
        loop {
            let count = stream.read(&mut piece).await.map_err(broken)?;
            if count == 0 {
                return reader.end().map_err(unread);
            }
            if let Some(answer) = reader.push(&piece[..count]) {
                return answer.map_err(unread);
            }
        }
    }
}
