//! A full home location register, registration distribution, and message waiting.

use std::time::Duration;

use super::net::*;
use crate::{
    virtual_bench::registrar::{Member, RegistrarSpec, User, WhenFull},
    wire::aastra_xml::Object,
};

/// Server a has room for one extension.
fn full_at_one(when_full: WhenFull, distribution: bool) -> impl Fn(&mut RegistrarSpec) {
    move |spec| {
        spec.distribution = distribution;
        if spec.name == "a" {
            spec.capacity = Some(1);
            spec.when_full = when_full;
        }
    }
}

fn register(net: &mut Net, phone: &str, extension: &str) -> Option<(u16, String, Option<u32>)> {
    let ask =
        Ask::new("REGISTER", "sip:bench.test", extension, extension).contact(extension, phone).with("Expires", "60");
    let answer = net.ask(phone, A, ask)?;
    Some((answer.code(), answer.header("Contact").to_owned(), answer.message.summary().retry_after))
}

#[test]
fn a_full_server_says_so_in_the_way_that_is_configured() {
    let nothing = String::new();
    for (when_full, expected) in [
        (WhenFull::Forbid, Some((403, nothing.clone(), None))),
        (WhenFull::Redirect, Some((302, "<sip:1002@10.77.0.3:5060>".to_owned(), None))),
        (WhenFull::Unavailable(Duration::from_secs(30)), Some((503, nothing, Some(30)))),
        (WhenFull::Silence, None),
    ] {
        let mut net = Net::with(full_at_one(when_full, false));
        assert_eq!(net.register(P1, A, "1001"), 200);
        assert_eq!(register(&mut net, P2, "1002"), expected);
        assert_eq!(net.register(P1, A, "1001"), 200, "a refresh needs no room");
        assert_eq!(net.register(P2, B, "1002"), 200, "the other has room");
        net.run_to(60.0);
        assert_eq!(net.register(P2, A, "1002"), 200, "room again");
    }
}

#[test]
fn a_fetch_and_a_removal_need_no_room() {
    let mut net = Net::with(full_at_one(WhenFull::Forbid, false));
    net.register(P1, A, "1001");
    let fetch = Ask::new("REGISTER", "sip:bench.test", "1002", "1002");
    assert_eq!(net.ask(P2, A, fetch.clone()).map(|answer| answer.code()), Some(200));
    let removal = fetch.contact("1002", P2).with("Expires", "0");
    assert_eq!(net.ask(P2, A, removal).map(|answer| answer.code()), Some(200));
}

#[test]
fn when_all_servers_are_full_nobody_is_sent_anywhere() {
    let mut net = Net::with(|spec| {
        spec.capacity = Some(1);
        spec.when_full = WhenFull::Redirect;
    });
    net.register(P1, A, "1001");
    net.register(P2, B, "1003");
    assert_eq!(register(&mut net, P2, "1002").map(|(code, ..)| code), Some(403));
}

#[test]
fn distribution_sends_those_who_log_on_to_another_server_while_the_home_server_is_full() {
    let registrar = |net: &mut Net| {
        net.take(P2);
        let got = net.dial(P2, A, "00085d770002", "*11*2222*1002%23");
        got[2].settings().value("sip registrar ip").map(str::to_owned)
    };
    for (distribution, expected) in [(true, "10.77.0.3"), (false, "10.77.0.2")] {
        let mut net = Net::with(full_at_one(WhenFull::Forbid, distribution));
        assert_eq!(registrar(&mut net).as_deref(), Some("10.77.0.2"), "there is room yet");
        net.register(P1, A, "1001");
        assert_eq!(registrar(&mut net).as_deref(), Some(expected));
        assert_eq!(net.register(P2, B, "1002"), 200);
        net.run_to(61.0);
        assert_eq!(registrar(&mut net).as_deref(), Some("10.77.0.2"), "there is room again");
    }
}

#[test]
fn whoever_logs_on_is_spread_over_two_to_four_servers_until_all_are_full() {
    let place = |index: usize| format!("10.77.0.{}:5060", 2 + index);
    for count in 2..=4 {
        let names = ["a", "b", "c", "d"];
        let cluster: Vec<_> =
            (0..count).map(|index| Member { name: names[index].to_owned(), address: at(&place(index)) }).collect();
        let user = User { pin: Some("1".to_owned()), home: Some("a".to_owned()), ..User::default() };
        let mut net = Net::of((0..count).map(|index| RegistrarSpec {
            address: at(&place(index)).ip(),
            users: (0..=count).map(|index| (format!("100{index}"), user.clone())).collect(),
            cluster: cluster.clone(),
            capacity: Some(1),
            distribution: true,
            ..spec(names[index])
        }));
        let mut log_on = |number: usize| {
            let query = format!("mac=00085d77000{number}&extension=100{number}&pin=1");
            let Object::Configuration(settings) = net.object(A, &format!("/logon?{query}")) else { panic!("refused") };
            let registrar = format!("{}:5060", settings.value("sip registrar ip").unwrap());
            let backup = settings.value("sip backup registrar ip").map(str::to_owned);
            (net.register(P1, &registrar, &format!("100{number}")), registrar, backup)
        };
        assert_eq!(log_on(0), (200, A.to_owned(), Some("10.77.0.3".to_owned())));
        for number in 1..count {
            assert_eq!(log_on(number), (200, place(number), Some("10.77.0.2".to_owned())), "{number} of {count}");
        }
        assert_eq!(log_on(count), (403, A.to_owned(), Some("10.77.0.3".to_owned())), "nobody has room");
    }
}

#[test]
fn distribution_serves_who_logged_on_anywhere_in_the_cluster_and_nobody_else() {
    let mut net = Net::with(full_at_one(WhenFull::Forbid, true));
    net.register(P1, A, "1001");
    assert_eq!(register(&mut net, P2, "1002").map(|(code, ..)| code), Some(403), "an account in the phone's own files");
    net.object(B, "/logon?mac=00085d770002&extension=1002&pin=2222");
    assert_eq!(
        register(&mut net, P2, "1002").map(|(code, contact, _)| (code, contact)),
        Some((302, "<sip:1002@10.77.0.3:5060>".to_owned()))
    );
    net.object(B, "/logoff?mac=00085d770002");
    assert_eq!(register(&mut net, P2, "1002").map(|(code, ..)| code), Some(403));
}

fn subscribe(expires: &str) -> Ask {
    Ask::new("SUBSCRIBE", "sip:1001@bench.test", "1001", "1001")
        .contact("1001", P1)
        .with("Event", "message-summary")
        .with("Expires", expires)
}

/// Code of the answer, and states of the subscription in the NOTIFYs that came with it.
fn subscribed(net: &mut Net, ask: &Ask) -> (Vec<u16>, Vec<String>) {
    net.send(P1, A, ask.print(P1, 900));
    let got = net.take(P1);
    for notify in got.iter().filter(|arrived| arrived.method() == "NOTIFY") {
        net.send(P1, A, respond(&notify.message, 200));
    }
    let states = got.iter().filter(|arrived| arrived.method() == "NOTIFY");
    let states = states.map(|arrived| arrived.header("Subscription-State").to_owned()).collect();
    (got.iter().map(Arrived::code).filter(|code| *code > 0).collect(), states)
}

#[test]
fn message_waiting_is_subscribed_refreshed_and_ended() {
    let mut net = Net::with(|spec| {
        if let Some(user) = spec.users.get_mut("1001") {
            user.messages = 2;
        }
    });
    net.send(P1, A, subscribe("100").print(P1, 900));
    let got = net.take(P1);
    let [answer, notify] = &got[..] else { panic!("{got:?}") };
    assert_eq!((answer.code(), answer.header("Expires")), (200, "100"));
    assert_eq!(
        (notify.header("Event"), notify.header("Subscription-State")),
        ("message-summary", "active;expires=100")
    );
    assert_eq!((notify.header("From"), notify.header("To")), (answer.header("To"), answer.header("From")));
    let body = String::from_utf8_lossy(notify.message.body());
    assert_eq!(body, "Messages-Waiting: yes\r\nMessage-Account: sip:1001@bench.test\r\nVoice-Message: 2/0\r\n");
    net.send(P1, A, respond(&notify.message, 200));

    net.run_to(90.0);
    let refresh = subscribe("50").to(answer.header("To"));
    assert_eq!(subscribed(&mut net, &refresh), (vec![200], vec!["active;expires=50".to_owned()]));
    assert_eq!(net.server(A).subscriptions(), 1);
    net.run_to(140.0);
    let ended = net.take(P1);
    assert_eq!(
        ended.iter().map(|arrived| arrived.header("Subscription-State")).collect::<Vec<_>>(),
        ["terminated;reason=timeout"]
    );
    assert_eq!(ended[0].header("CSeq"), "3 NOTIFY");
    assert_eq!(net.server(A).subscriptions(), 0);
    assert_eq!(subscribed(&mut net, &refresh).0, [481], "gone");
}

#[test]
fn a_subscription_ends_on_request_and_with_a_phone_that_does_not_know_it() {
    let mut net = Net::new();
    assert_eq!(subscribed(&mut net, &subscribe("0")), (vec![200], vec!["terminated;reason=timeout".to_owned()]));
    net.send(P1, A, subscribe("100").call("two").print(P1, 900));
    let notify = net.take(P1).remove(1);
    net.send(P1, A, respond(&notify.message, 481));
    assert_eq!(net.server(A).subscriptions(), 0);
    net.send(P1, A, subscribe("100").call("three").print(P1, 900));
    net.run_to(33.0);
    assert_eq!(net.server(A).subscriptions(), 0, "nobody answered");
}

#[test]
fn a_repeated_subscription_is_one_and_a_restarted_server_knows_none() {
    let mut net = Net::new();
    let ask = subscribe("100").branch("same");
    subscribed(&mut net, &ask);
    subscribed(&mut net, &ask);
    assert_eq!(net.server(A).subscriptions(), 1);
    let mut restarted = Net::new();
    let inside = subscribe("100").to("<sip:1001@bench.test>;tag=of-old");
    assert_eq!(subscribed(&mut restarted, &inside), (vec![481], vec![]));
}

#[test]
fn other_events_and_other_mailboxes_are_not_to_be_had() {
    let mut net = Net::new();
    let dialog =
        Ask::new("SUBSCRIBE", "sip:1002@bench.test", "1001", "1002").contact("1001", P1).with("Event", "dialog");
    assert_eq!(net.ask(P1, A, dialog).map(|answer| answer.code()), Some(489));
    let nobody =
        Ask::new("SUBSCRIBE", "sip:9@bench.test", "1001", "9").contact("1001", P1).with("Event", "message-summary");
    assert_eq!(net.ask(P1, A, nobody).map(|answer| answer.code()), Some(404));
}

#[test]
fn only_a_server_of_the_cluster_can_tell_news() {
    let mut net = Net::new();
    let news = Ask::new("PUBLISH", "sip:10.77.0.2:5060", "b", "a").with("Event", "siprig-cluster");
    assert_eq!(net.ask(P1, A, news).map(|answer| answer.code()), Some(403));
}
