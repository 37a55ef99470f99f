//! The vectors of the RFCs, and what phones and servers really write.

use proptest::prelude::*;

use super::*;

/// RFC 2617 section 3.5.
const MUFASA: &str = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
    nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
    response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

/// RFC 7616 section 3.9.1.
fn rfc7616(algorithm: &str, response: &str) -> String {
    format!(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
         nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
         cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
         opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
    )
}

fn credentials(value: &str) -> Credentials {
    Credentials::parse(value).unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_vectors_of_the_rfcs_verify_and_only_with_their_password_and_method() {
    let md5 = rfc7616("MD5", "8ca523f5e9506fed4657c9700eebdbec");
    let sha = rfc7616("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    for (value, password) in [(MUFASA, "Circle Of Life"), (&md5, "Circle of Life"), (&sha, "Circle of Life")] {
        let credentials = credentials(value);
        assert!(credentials.verify("GET", password), "{value}");
        assert!(!credentials.verify("GET", "circle of life"), "{value}");
        assert!(!credentials.verify("PUT", password), "{value}");
    }
}

#[test]
fn without_qop_the_older_formula_holds() {
    // H(A1) and H(A2) of RFC 2617 section 3.5, joined as in its section 3.2.2.1: computed with md5sum.
    let value = "Digest username=\"Mufasa\",realm=\"testrealm@host.com\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",\
        uri=\"/dir/index.html\",response=\"670fd8c2df070c60b045671b8b24ff02\"";
    assert!(credentials(value).verify("GET", "Circle Of Life"));
}

#[test]
fn the_count_enters_the_hash_as_the_characters_received() {
    let challenge = challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
    let ten = Credentials::answer(&challenge, "REGISTER", "sip:r", "u", "p", "c", 10);
    assert!(ten.contains("nc=0000000a"), "{ten}");
    assert!(credentials(&ten).verify("REGISTER", "p"));
    assert!(!credentials(&ten.replace("0000000a", "00000010")).verify("REGISTER", "p"));
    assert!(!credentials(&ten.replace("0000000a", "0000000A")).verify("REGISTER", "p"));
}

fn challenge(value: &str) -> Challenge {
    Challenge::parse(value).unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn challenges_are_read_as_servers_really_write_them() {
    let odd = challenge(
        "digest  NONCE = \"a,b\\\"c\" ,realm=\"x, y\",QOP=\"auth-int, auth\",Algorithm=md5, stale=TRUE,,opaque=\"\"",
    );
    assert_eq!(
        odd,
        Challenge {
            realm: "x, y".into(),
            nonce: "a,b\"c".into(),
            opaque: Some(String::new()),
            algorithm: Algorithm::Md5,
            qop_auth: true,
            stale: true,
        }
    );
    assert_eq!(Challenge::parse(&odd.header()), Some(odd));
    assert!(!challenge("Digest realm=\"r\",nonce=\"n\"").qop_auth);
    for refused in [
        "",
        "Digest",
        "Basic realm=\"x\"",
        "Digest realm=\"x\"",
        "Digest realm=\"x\",nonce=\"n\",algorithm=SHA-512-256",
        "Digest realm=\"x\",nonce=\"n\",qop=\"auth-int\"",
    ] {
        assert_eq!(Challenge::parse(refused), None, "{refused}");
    }
}

#[test]
fn the_strongest_challenge_is_chosen_and_of_equals_the_first() {
    let offer = |algorithm: &str, realm: &str| format!("Digest realm=\"{realm}\", nonce=\"n\", algorithm={algorithm}");
    let offers = [
        "Basic realm=\"0\"".to_owned(),
        offer("MD5", "1"),
        offer("SHA-256", "2"),
        offer("SHA-256", "3"),
        offer("MD5", "4"),
        offer("TELEPATHY", "5"),
    ];
    let best = Challenge::best(offers.iter().map(String::as_str)).unwrap();
    assert_eq!((best.realm.as_str(), best.algorithm), ("2", Algorithm::Sha256));
    assert_eq!(Challenge::best(std::iter::empty()), None);
}

#[test]
fn the_uri_enters_the_hash_as_written() {
    let challenge = challenge("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
    let value = Credentials::answer(&challenge, "REGISTER", "SIP:bench.test;transport=udp", "u", "p", "c", 1);
    assert!(credentials(&value).verify("REGISTER", "p"));
    assert!(!credentials(&value.replace("SIP:", "sip:")).verify("REGISTER", "p"));
}

#[test]
fn incomplete_or_foreign_credentials_are_refused() {
    for missing in ["username", "realm", "nonce", "uri", "response", "nc", "cnonce"] {
        assert_eq!(Credentials::parse(&MUFASA.replace(&format!("{missing}="), "x-gone=")), None, "{missing}");
    }
    let int = credentials(&MUFASA.replace("qop=auth", "qop=auth-int"));
    assert!(!int.verify("GET", "Circle Of Life"));
    assert!(!credentials(&MUFASA.replace("6629fae4", "")).verify("GET", "Circle Of Life"));
}

#[test]
fn no_debug_form_shows_the_response() {
    let text = format!("{:?}", credentials(MUFASA));
    assert!(!text.contains("6629"), "{text}");
    assert!(text.contains("Mufasa"), "{text}");
}

proptest! {
    #[test]
    fn an_answer_verifies_with_its_password_only(
        user in "\\PC{0,12}", password in "\\PC{0,12}", realm in "\\PC{0,12}", nonce in "[!-~]{1,20}",
        algorithm in prop::sample::select(vec![Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess]),
        qop_auth: bool, nc: u32,
    ) {
        let challenge = Challenge { realm, nonce, opaque: None, algorithm, qop_auth, stale: false };
        prop_assert_eq!(Challenge::parse(&challenge.header()), Some(challenge.clone()));
        let value = Credentials::answer(&challenge, "REGISTER", "sip:h", &user, &password, "c0", nc);
        let read = Credentials::parse(&value).unwrap();
        prop_assert_eq!(&read.username, &user);
        prop_assert!(read.verify("REGISTER", &password));
        let other = format!("{password}x");
        prop_assert!(!read.verify("REGISTER", &other));
    }

    #[test]
    fn no_value_makes_the_readers_panic(value in "(Digest |digest\t|)[\\PC\"\\\\,=]{0,60}") {
        let _ = (Challenge::parse(&value), Credentials::parse(&value));
    }
}
