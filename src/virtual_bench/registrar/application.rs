//! The XML application: what a phone's Log On/Off key fetches.

use super::{
    cluster::Cluster,
    seating::{self, Door},
    spec::RegistrarSpec,
};
use crate::wire::{
    aastra_xml::{CONTENT_TYPE, InputField, InputScreen, Object, SoftKey, TextScreen},
    http::{HttpRequest, HttpResponse, HttpUrl},
};

/// The answer to a request.
pub fn answer(spec: &RegistrarSpec, cluster: &mut Cluster, request: &HttpRequest) -> HttpResponse {
    if request.method != "GET" {
        return HttpResponse::bare(405).with("Allow", "GET");
    }
    let path = request.path();
    if path != "/logon" && path != "/logoff" {
        return HttpResponse::bare(404);
    }
    let Some(terminal) = request.query("mac").as_deref().and_then(seating::terminal) else {
        return HttpResponse::bare(400);
    };
    let object = if path == "/logoff" {
        Object::Configuration(seating::log_off(spec, cluster, &terminal, None))
    } else {
        log_on(spec, cluster, &terminal, request.query("extension"), request.query("pin"))
    };
    HttpResponse::new(200, CONTENT_TYPE, object.to_xml())
}

fn log_on(
    spec: &RegistrarSpec,
    cluster: &mut Cluster,
    terminal: &str,
    extension: Option<String>,
    pin: Option<String>,
) -> Object {
    let link = |path| {
        let server = std::net::SocketAddr::new(spec.address, spec.http_port);
        HttpUrl::of(server, path).with_query("mac", terminal).to_string()
    };
    if let (Some(extension), Some(pin)) = (&extension, &pin) {
        return match seating::log_on(spec, cluster, Door::Key, (extension, pin), terminal) {
            Some(configuration) => Object::Configuration(configuration),
            None => Object::TextScreen(TextScreen {
                title: "Log on".to_owned(),
                text: "Wrong extension or PIN".to_owned(),
                soft_keys: vec![key(1, "Again", link("/logon"))],
            }),
        };
    }
    if let Some(extension) = cluster.seated_at(terminal) {
        return Object::TextScreen(TextScreen {
            title: "Log off".to_owned(),
            text: format!("{extension} is logged on"),
            soft_keys: vec![key(1, "Log off", link("/logoff"))],
        });
    }
    let field = |prompt: &str, parameter: &str, password| InputField {
        prompt: prompt.to_owned(),
        parameter: parameter.to_owned(),
        default: String::new(),
        number: true,
        password,
    };
    Object::InputScreen(InputScreen {
        title: "Log on".to_owned(),
        url: link("/logon"),
        fields: vec![field("Extension:", "extension", false), field("PIN:", "pin", true)],
    })
}

fn key(index: u8, label: &str, uri: String) -> SoftKey {
    SoftKey { index, label: label.to_owned(), uri }
}
