use std::{collections::BTreeMap, path::Path};

use super::LabPlan;
use crate::{
    config::{Bench, Proxies, document::Document, load},
    virtual_bench::Description,
};

fn description(text: &str) -> Description {
    Description::from_text(text).unwrap()
}

fn plan(description: &Description) -> LabPlan {
    LabPlan::new(description, Path::new("/bench"), &BTreeMap::new(), || "00ff00ff00ff00ff".to_owned())
}

/// The bench file as the controller reads it.
fn bench(text: &str) -> Bench {
    let file = plan(&description(text)).bench_file().to_string();
    let document = Document::parse("bench.toml".into(), file, &[]).unwrap();
    load::checked_bench(&document, Path::new(load::RIG)).unwrap_or_else(|found| panic!("{found}")).0
}

/// Each line of the bench with its primary and its backup.
fn servers(bench: &Bench) -> Vec<String> {
    let lines = bench.phones.iter().flat_map(|phone| phone.lines.iter());
    lines
        .map(|line| {
            if !line.registers {
                return format!("{} off", line.extension);
            }
            let backup = line.backup.as_ref().map_or("-", |backup| backup.0.as_str());
            format!("{} {} {backup}", line.extension, line.primary)
        })
        .collect()
}

#[test]
fn without_settings_every_line_has_the_first_server_and_the_second() {
    assert_eq!(servers(&bench("virtual.phones = 2")), ["1001 a b", "1002 a b"]);
    assert_eq!(servers(&bench("virtual.phones = 1\nvirtual.servers = 1")), ["1001 a -"]);
}

#[test]
fn the_bench_file_names_the_servers_that_each_line_is_set_to_with_every_layer_of_its_files() {
    let bench = bench(
        r#"
        [virtual]
        servers = 4
        lines = 2
        settings = "sip backup registrar ip: 10.77.0.4"
        model-settings = "sip line2 registrar ip: 10.77.0.3"
        [[virtual.phone]]
        name = "p2"
        settings = """
            sip registrar ip: 10.77.0.4
            sip backup registrar ip: 10.77.0.5
            sip line2 backup registrar ip: 10.77.0.2
        """
        [[virtual.phone]]
        name = "p3"
        settings = "sip backup registrar ip: 0.0.0.0"
        [[virtual.phone]]
        name = "p4"
        settings = "sip line2 registrar ip: 0.0.0.0"
        "#,
    );
    assert_eq!(
        servers(&bench),
        ["1001 a c", "2001 b c", "1002 c d", "2002 b a", "1003 a -", "2003 b -", "1004 a c", "2004 off"],
    );
}

#[test]
fn the_bench_file_says_where_calls_go_that_do_not_go_where_the_line_registers() {
    let bench = bench(
        r#"
        virtual.servers = 4
        [[virtual.phone]]
        name = "p2"
        settings = "sip proxy ip: 10.77.0.4\nsip backup proxy ip: 10.77.0.5"
        [[virtual.phone]]
        name = "p3"
        settings = "sip backup proxy ip: 0.0.0.0"
        [[virtual.phone]]
        name = "p4"
        defects = ["splits-proxy-and-registrar"]
        "#,
    );
    let proxies = |phone: usize| bench.phones[phone].lines[0].proxies.clone();
    let pair =
        |primary: &str, backup: Option<&str>| Some(Proxies { primary: primary.into(), backup: backup.map(Into::into) });
    assert_eq!([proxies(0), proxies(3)], [None, None], "a defect is not what the phone was set to");
    assert_eq!([proxies(1), proxies(2)], [pair("c", Some("d")), pair("a", None)]);
    assert_eq!(servers(&bench), ["1001 a b", "1002 a b", "1003 a b", "1004 a b"]);
}

#[test]
fn the_log_on_key_asks_the_primary_of_the_phones_first_line() {
    let description = description(
        "virtual.servers = 3\n[[virtual.phone]]\nname = \"p2\"\nsettings = \"sip registrar ip: 10.77.0.4\"",
    );
    let keys: Vec<_> = plan(&description).phones.into_iter().map(|process| process.phone.provisioning.phone).collect();
    assert!(keys[0].contains("http://10.77.0.2:80/logon?mac=00085d770001\n"), "{}", keys[0]);
    assert!(keys[1].contains("http://10.77.0.4:80/logon?mac=00085d770002\nsip registrar ip"), "{}", keys[1]);
}

#[test]
fn phones_call_themselves_what_their_model_is() {
    for (model, product) in [
        ("aastra-6731i", "Aastra 6731i"),
        ("aastra-6757i", "Aastra 6757i"),
        ("aastra-6731i-fw3", "Aastra 6731i"),
        ("models/lab.toml", "Lab"),
    ] {
        let mut description = Description::default();
        description.lab.model = model.to_owned();
        assert!(plan(&description).phones.iter().all(|process| process.phone.product == product), "{model}");
    }
}

#[test]
fn fifty_phones_have_addresses_ports_and_accounts_of_their_own() {
    let bench = bench("virtual.phones = 50\nvirtual.lines = 2");
    assert_eq!((bench.phones.len(), servers(&bench).len()), (50, 100));
}
