//! Outbound proxies in the phones' own files.

use super::*;

/// The registrars are behind it, and no phone ever sends to them.
#[test]
fn an_outbound_proxy_of_the_phones_own_files_is_the_server_and_has_a_backup_if_it_is_not_for_both() {
    let homes = |proxies: &str| {
        let text = format!("sip registrar ip: 10.77.0.12\nsip backup registrar ip: 10.77.0.13\n{proxies}");
        let files = Provisioned::of([
            ("aastra.cfg".into(), text.into_bytes()),
            ("00085D77000B.cfg".into(), b"sip line1 user name: 1001\n".to_vec()),
        ]);
        let all = files.servers().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(files.homes()[0].alone, all.len() == 1);
        all
    };
    assert_eq!(homes(""), ["10.77.0.12", "10.77.0.13"]);
    assert_eq!(
        homes("sip outbound proxy: 10.77.0.2\nsip backup outbound proxy: 10.77.0.3\n"),
        ["10.77.0.2", "10.77.0.3"]
    );
    for one in
        ["sip outbound proxy: 10.77.0.2\n", "sip outbound proxy: 10.77.0.2\nsip backup outbound proxy: 10.77.0.2\n"]
    {
        assert_eq!(homes(one), ["10.77.0.2"]);
    }
}
