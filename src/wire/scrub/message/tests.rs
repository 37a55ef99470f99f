//! What stays in messages and what does not.
//!
//! In the texts here ‹identities›, «tokens», ⟨free text⟩, ⟪programs⟫, ⟦UUIDs⟧ and ¡secrets! are marked; all else must stay.

use crate::wire::scrub::{
    Key,
    clean::Cleaner,
    text::{Kind, Pseudonyms},
};

/// Marks of opening and closing, and what stands between them; none: a secret.
const MARKS: [(char, char, Option<Kind>); 7] = [
    ('‹', '›', Some(Kind::Identity)),
    ('⟮', '⟯', Some(Kind::Escaped)),
    ('«', '»', Some(Kind::Token)),
    ('⟨', '⟩', Some(Kind::Free)),
    ('⟦', '⟧', Some(Kind::Uuid)),
    ('⟪', '⟫', Some(Kind::Product)),
    ('¡', '!', None),
];

fn cleaner() -> Cleaner {
    Cleaner { pseudonyms: Some(Pseudonyms::new(&Key([9; 32]))) }
}

/// The text without marks, and what must become of it.
fn expected(marked: &str) -> (String, String) {
    let mut pseudonyms = Pseudonyms::new(&Key([9; 32]));
    let (mut plain, mut expected) = (String::new(), String::new());
    let mut rest = marked;
    while let Some((ahead, open)) =
        rest.find(|char| MARKS.iter().any(|(open, ..)| *open == char)).map(|at| rest.split_at(at))
    {
        let (mark, close, kind) = MARKS.iter().find(|(mark, ..)| open.starts_with(*mark)).unwrap();
        let (inner, behind) = open[mark.len_utf8()..].split_once(*close).unwrap();
        let mut image = inner.as_bytes().to_vec();
        match kind {
            Some(kind) => pseudonyms.write_over(&mut image, *kind),
            None => image.fill(b'x'),
        }
        plain += ahead;
        plain += inner;
        expected += ahead;
        expected += str::from_utf8(&image).unwrap();
        rest = behind;
    }
    (plain + rest, expected + rest)
}

fn assert_cleaned(marked: &str) {
    let (plain, expected) = expected(marked);
    let mut bytes = plain.clone().into_bytes();
    cleaner().message(&mut bytes, false);
    assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{plain}");
}

#[test]
fn a_register_and_its_answers_keep_everything_but_who_it_is() {
    assert_cleaned(
        "REGISTER sip:‹bench.test›:5060;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP ‹10.77.0.11›:5060;branch=z9hG4bK«0f3081e8cd40bc0f»;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"‹Anna Berg›\" <sip:‹1001›@‹bench.test›>;tag=«f2cc5830»\r\n\
         To: ‹Anna› <sip:‹1001›@‹bench.test›>\r\n\
         Call-ID: «3ae6b036-30b5»@‹10.77.0.11›\r\n\
         CSeq: 54213 REGISTER\r\n\
         Contact: <sip:‹1001›@‹10.77.0.11›:5062;transport=tcp;line=«a7»>;expires=600;+sip.instance=\"<⟦urn:uuid:00000000-0000-1000-8000-00085D237429⟧>\";reg-id=1\r\n\
         Authorization: Digest username=\"‹1001›\", realm=\"‹bench.test›\", nonce=\"«awclF2sHI+uV==»\", uri=\"sip:‹bench.test›;transport=udp\", response=\"¡0123456789abcdef0123456789abcdef!\", algorithm=MD5, cnonce=\"«ef4c»\", opaque=\"\", qop=auth, nc=00000001\r\n\
         Expires: 600\r\n\
         User-Agent: Aastra 6731i/3.3.1.4305-SIP\r\n\
         Allow: INVITE, ACK\r\n\
         Supported: path, gruu\r\n\
         Content-Length: 0\r\n\r\n",
    );
    assert_cleaned(
        "SIP/2.0 401 Unauthorized\r\n\
         v: SIP/2.0/UDP ‹10.77.0.11›:5060;branch=z9hG4bK«0f3081»;rport=5070;received=‹10.77.0.12›\r\n\
         f: <sip:‹1001›@‹bench.test›>;tag=«f2cc5830»\r\n\
         t: sip:‹1001›@‹bench.test›;tag=«77»\r\n\
         i: «3ae6b03630b5b413»\r\n\
         CSeq: 1 REGISTER\r\n\
         WWW-Authenticate: Digest realm=\"‹bench.test›\", domain=\"sip:‹a.test› sip:‹b.test›\", nonce=\"«5ec2»\", stale=true, qop=\"auth,auth-int\"\r\n\
         Warning: 392 ‹10.77.0.2›:5060 ⟨\"Noisy feedback of Anna at 1001: pid=12\"⟩\r\n\
         Retry-After: 18 ⟨(ask Anna)⟩;duration=3600\r\n\
         Date: Thu, 01 Jan 2026 10:00:00 GMT\r\n\
         l: 0\r\n\r\n",
    );
}

#[test]
fn calls_keep_everything_but_who_calls_whom() {
    assert_cleaned(
        "INVITE sip:⟮+46701234567⟯@‹pbx-1.example.com›;user=phone SIP/2.0\r\n\
         Via: SIP / 2.0 / TLS [‹2001:db8::11›]:5061 ; branch=«old-4711»\r\n\
         Record-Route: <sip:‹10.0.0.1›;lr;ftag=«f2cc»>,<sip:‹10.0.0.2›:5070;lr=on>\r\n\
         P-Asserted-Identity: \"‹J\u{f6}rg Bauer›\" <sip:‹joerg›@‹example.com›>, <tel:⟮+46701234567⟯;phone-context=‹+46›>\r\n\
         Diversion: <sip:‹2000›@‹example.com›>;reason=unconditional;counter=1;privacy=off\r\n\
         History-Info: <sip:‹2000›@‹example.com›?Reason=«SIP%3Bcause%3D302»>;index=1.1\r\n\
         Referred-By: <sip:‹2000›@‹example.com›>\r\n\
         Refer-To: <sip:‹2001›@‹10.0.0.3›?Replaces=«12ab%40host%3Bto-tag%3D7»&x=«y»>\r\n\
         Replaces: «12ab»@‹host›;to-tag=«7»;from-tag=«8»;early-only=«1»\r\n\
         Reason: Q.850;cause=16;text=\"⟨Call of Anna completed⟩\"\r\n\
         Alert-Info: <http://‹127.0.0.1›/‹Bellcore-dr2›>;info=alert-internal\r\n\
         Call-Info: <sip:‹10.0.0.1›>;answer-after=«0»\r\n\
         Event: dialog;call-id=«12ab»@‹host›;«include-session-description»\r\n\
         X-Fancy: ‹owner=Anna, 1001, 10.0.0.1›\r\n\
         X-Other: ‹Anna› <sip:‹1001›@‹host›> ‹on leave›\r\n\
         Subject: ‹Your salary›\r\n\
         Organization: ‹Example Inc.›\r\n\
         Identity: «eyJhbGciOi.J0eXA»\r\n\
         Session-ID: «ab30317f1a784dc48ff824d0d3715d86»;remote=«00000000000000000000000000000000»\r\n\
         P-Early-Media: supported\r\n\r\n",
    );
}

#[test]
fn of_codes_the_service_stays_and_the_pin_is_masked() {
    for marked in [
        "sip:*11*¡4711!*⟮1001⟯#@‹pbx›",
        "sip:%2A11%2a¡4711!%2A⟮1001⟯%23@‹pbx›",
        "sip:*21*⟮1005⟯#@‹pbx›",
        "sip:#21#@‹pbx›",
        "sip:*98@‹pbx›",
        "sip:**⟮1005⟯@‹pbx›",
        "sip:*⟮123⟯@‹pbx›",
        "sip:⟮1005*7⟯@‹pbx›",
    ] {
        assert_cleaned(&format!("INVITE {marked} SIP/2.0\r\n\r\n"));
    }
}

#[test]
fn uris_of_every_scheme_are_read() {
    for marked in [
        "sip:⟮anna⟯:¡s3cret!@‹example.com›",
        "sips:⟮an%6Ea.b?c⟯@‹example.com›:5061;maddr=‹10.0.0.1›;ttl=16",
        "sip:⟮1001⟯;phone-context=‹+46›@‹example.com›",
        "sip:‹example.com›",
        "sip:[‹fd00::1›]",
        "sip:‹fd00::1›",
        "<sip:⟮1001⟯@‹a›>",
        "tel:⟮1001⟯;phone-context=‹example.com›;ext=‹22›",
        "urn:service:sos",
        "urn:⟦uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6⟧",
        "urn:«nena:companyid»",
        "im:⟮anna⟯@‹example.com›",
        "https://⟮anna⟯@‹example.com›:8443⟮/ring?tone=anna⟯",
        "⟮1001⟯@‹example.com›",
        "‹example.com›:5060",
        "*",
    ] {
        assert_cleaned(&format!("OPTIONS {marked} SIP/2.0\r\n\r\n"));
    }
}

#[test]
fn bodies_that_are_known_are_read_and_others_are_not_left() {
    assert_cleaned(
        "INVITE sip:‹a› SIP/2.0\r\nContent-Type: application/sdp;x=y\r\n\r\n\
         v=0\r\n\
         o=- 3724394400 3724394405 IN IP4 ‹10.77.0.11›\r\n\
         s=call\r\n\
         ‹i=The call of Anna›\r\n\
         c=IN IP4 ‹10.77.0.11›/127\r\n\
         t=0 0\r\n\
         m=audio 5004 RTP/AVP 0 8 101\r\n\
         c=IN IP6 ‹fd00::11›\r\n\
         a=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:¡WVNfX19zc2VtY3Rs==!|2^20\r\n\
         a=rtcp:5005 IN IP4 ‹10.77.0.11›\r\n\
         a=candidate:1 1 UDP 2130706431 ‹10.77.0.11› 5004 typ host raddr ‹10.1.1.1› rport 99\r\n\
         a=ssrc:1234 cname:«anna@host»\r\n\
         a=x-owner:«anna»\r\n\
         a=sendrecv\r\n\
         ‹rubbish›\r\n\
         ‹From: x=Anna›\r\n",
    );
    assert_cleaned(
        "NOTIFY sip:‹a› SIP/2.0\r\nc: application/simple-message-summary\r\n\r\n\
         Messages-Waiting: yes\r\nMessage-Account: sip:⟮1001⟯@‹bench.test›\r\nVoice-Message: 2/8 (0/2)\r\n‹From: Anna›\r\n",
    );
    assert_cleaned(
        "NOTIFY sip:‹a› SIP/2.0\r\nContent-Type: message/sipfrag;version=2.0\r\n\r\n\
         SIP/2.0 503 Service Unavailable\r\nTo: <sip:⟮1001⟯@‹bench.test›>\r\n",
    );
    for (kind, body, left) in [
        ("text/plain", "Hello Anna\r\n10.0.0.1", "xxxxxxxxxx\r\nxxxxxxxx"),
        ("application/dialog-info+xml", "<a>\r\n</a>", "xxx\r\nxxxx"),
        ("message/sipfrag", "a SIP/2.0\r\nc: message/sipfrag\r\n\r\n", "xxxxxxxxx\r\nxxxxxxxxxxxxxxxxxx\r\n\r\n"),
    ] {
        let head = format!("INFO sip:127.0.0.1 SIP/2.0\r\nContent-Type: {kind}\r\n\r\n");
        let mut bytes = (head.clone() + body).into_bytes();
        cleaner().message(&mut bytes, false);
        let after = String::from_utf8(bytes).unwrap();
        assert_eq!(after, head + left);
    }
    let mut zipped = b"INFO sip:127.0.0.1 SIP/2.0\r\nc: application/sdp\r\ne: gzip\r\n\r\nv=0".to_vec();
    cleaner().message(&mut zipped, false);
    assert!(zipped.ends_with(b"\r\n\r\nxxx"));
}

#[test]
fn what_no_reader_takes_is_cleaned_as_far_as_it_goes() {
    for marked in [
        "REGISTER sip:‹a› SIP/2.0\nTo : <sip:⟮1001⟯@‹a›>\n\n",
        "\r\n\r\nREGISTER   sip:‹a›   SIP/2.0\r\n\r\n",
        "REGISTER sip:‹a› SIP/2.0\r\nTo: \"‹Anna›\"\r\n <sip:⟮1001⟯@\r\n\t‹a›>\r\n ;tag=«77»\r\nContact:\r\n <sip:⟮1⟯@‹a›>\r\n\r\n",
        "‹X1001› sip:‹a› SIP/2.0\r\nVia: ‹SIP/2.0/1001 ›‹b›:5060\r\n‹X-1001›: ‹y›\r\nAuthorization: ‹A1001› ‹b200›=«1»\r\n",
        "OPTIONS sip:‹a›;‹x100›=«2» SIP/2.0\r\nContent-Type: application/sdp\r\n\r\na=‹x-1001:›«1»",
        "REGISTER sip:‹a› SIP/2.0\r\n‹Anna was here›\r\nTo: <sip:⟮1001⟯@‹a›>",
        "REGISTER sip:‹a› SIP/2.0\r\nTo: \"‹Anna› <sip:⟮1001⟯@‹a›",
        "REGISTER sip:‹a› SIP/2.0\r\nTo: \"‹Anna›\" <sip:‹1001›",
        "REGISTER sip:‹a› SIP/2.0\r\nContact: ‹Anna› <sip:⟮1001⟯@‹a›;x=«anna»;q=1",
        "SIP/2.0 404 ⟨No Anna here⟩\r\nTo: <sip:⟮10⟯",
        "SIP/2.0 404 not found\r\n\r\n",
        "SIP/2.0 999 ⟨Anna⟩",
        "SIP/2.0",
    ] {
        assert_cleaned(marked);
    }
}
