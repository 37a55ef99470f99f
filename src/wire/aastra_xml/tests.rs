use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;

use super::*;

fn execute(text: &str) -> Execute {
    match Object::parse(text.as_bytes()) {
        Ok(Object::Execute(execute)) => execute,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_document_says_what_to_do_in_its_order() {
    let read = execute(
        "<?xml version='1.0' encoding='ISO-8859-1'?>\n<!-- keys --><AastraIPPhoneExecute Beep=\"yes\" \
         triggerDestroyOnExit=\"yes\">\r\n <ExecuteItem URI=\"Key:Line1\" interruptCall=\"no\"/>\
         <ExecuteItem URI=\"http://10.77.0.2/a?b=1&amp;c=2\" interruptCall=\"yes\"></ExecuteItem><ExecuteItem URI=\"\"/>\
         <Unknown/></AastraIPPhoneExecute>\n",
    );
    let item = |uri, interrupts_call| ExecuteItem { uri, interrupts_call };
    let expected = vec![
        item(ExecuteUri::Key("Line1".to_owned()), Some(false)),
        item(ExecuteUri::Fetch("http://10.77.0.2/a?b=1&c=2".to_owned()), Some(true)),
        item(ExecuteUri::Nothing, None),
    ];
    assert_eq!(read, Execute { destroys_on_exit: true, items: expected });
}

#[test]
fn each_word_of_the_uri_language_is_understood_and_written_as_the_guide_does() {
    let owned = str::to_owned;
    let dial_line = |line, number: &str| ExecuteUri::DialLine { line, number: owned(number) };
    for (text, uri, written) in [
        ("Key:KeyPadStar", ExecuteUri::Key(owned("KeyPadStar")), "Key:KeyPadStar"),
        ("Dial: *11*1#", ExecuteUri::Dial(owned("*11*1#")), "Dial:*11*1#"),
        ("DialLine:2:1001", dial_line(2, "1001"), "DialLine:2:1001"),
        ("Led: softkey1=slowflash", led("softkey1", Led::SlowFlash), "Led: softkey1=slowflash"),
        ("Led:prgkey3=on", led("prgkey3", Led::On), "Led: prgkey3=on"),
        ("Command: Reset", ExecuteUri::Command(PhoneCommand::Reset), "Command: Reset"),
        ("Command:FastReboot", ExecuteUri::Command(PhoneCommand::FastReboot), "Command: FastReboot"),
        ("command:  clearlocal ", ExecuteUri::Command(PhoneCommand::ClearLocal), "Command: ClearLocal"),
        ("Command: Lock", ExecuteUri::Command(PhoneCommand::Lock), "Command: Lock"),
        ("Command: Unlock", ExecuteUri::Command(PhoneCommand::Unlock), "Command: Unlock"),
        ("HTTPS://h/", ExecuteUri::Fetch(owned("HTTPS://h/")), "HTTPS://h/"),
        ("  ", ExecuteUri::Nothing, ""),
    ] {
        assert_eq!((ExecuteUri::read(text), uri.to_string().as_str()), (uri, written), "{text}");
    }
}

#[test]
fn what_is_not_understood_is_kept_as_it_is() {
    for text in ["RTPRx:10.0.0.1:5004:20", "Command: Explode", "DialLine:0:1", "DialLine:x", "Led: a", "Key:", "http:x"]
    {
        let read = ExecuteUri::read(text);
        assert_eq!((&read, read.to_string()), (&ExecuteUri::Other(text.to_owned()), text.to_owned()));
    }
}

#[test]
fn a_configuration_gives_the_last_value_of_a_name_in_any_case_and_hides_all_in_debug() {
    let read = Object::parse(
        b"<AastraIPPhoneConfiguration setType=\"override\"><ConfigurationItem><Parameter>sip proxy ip</Parameter>\
          <Value>10.77.0.2</Value></ConfigurationItem><ConfigurationItem><Parameter> SIP Proxy IP </Parameter>\
          <Value><![CDATA[10.77.0.3]]></Value></ConfigurationItem><ConfigurationItem><Parameter>sip line1 password\
          </Parameter><Value>s&lt;cret&#33;</Value></ConfigurationItem><ConfigurationItem><Value>x</Value>\
          </ConfigurationItem></AastraIPPhoneConfiguration>",
    );
    let Ok(Object::Configuration(read)) = read else { panic!("{read:?}") };
    assert_eq!(read.items.len(), 3);
    assert_eq!(read.value("sip proxy ip"), Some("10.77.0.3"));
    assert_eq!(read.value("sip line1 password"), Some("s<cret!"));
    assert_eq!(read.value("sip line1 user name"), None);
    let debug = format!("{read:?}");
    assert!(debug.contains("sip line1 password") && !debug.contains("cret"), "{debug}");
}

#[test]
fn an_input_screen_has_fields_or_is_one() {
    let read = Object::parse(
        b"<AastraIPPhoneInputScreen type=\"string\" displayMode=\"condensed\"><Title>Log on</Title><URL>http://a/logon</URL>\
          <InputField type=\"empty\"/><InputField type=\"number\"><Prompt>Number:</Prompt><Parameter>extension</Parameter>\
          <Default>1001</Default></InputField><InputField type=\"number\" password=\"yes\"><Prompt>PIN:</Prompt>\
          <Parameter>pin</Parameter></InputField></AastraIPPhoneInputScreen>",
    );
    let Ok(Object::InputScreen(read)) = read else { panic!("{read:?}") };
    assert_eq!((read.title.as_str(), read.url.as_str()), ("Log on", "http://a/logon"));
    let fields: Vec<_> = read.fields.iter().map(|field| (field.parameter.as_str(), field.password)).collect();
    assert_eq!(fields, [("extension", false), ("pin", true)]);
    assert_eq!((read.fields[0].default.as_str(), read.fields[0].number), ("1001", true));

    let old =
        b"<AastraIPPhoneInputScreen type=\"number\" password=\"yes\"><Title>t</Title><Prompt>p</Prompt><URL>u</URL>\
                <Parameter>paused</Parameter><Default/></AastraIPPhoneInputScreen>";
    let Ok(Object::InputScreen(old)) = Object::parse(old) else { panic!() };
    let expected = InputField {
        prompt: "p".to_owned(),
        parameter: "paused".to_owned(),
        default: String::new(),
        number: true,
        password: true,
    };
    assert_eq!(old.fields, [expected]);
}

#[test]
fn a_pushed_body_is_read_encoded_or_not_with_or_without_its_name() {
    let object = Object::Execute(Execute::of([ExecuteUri::Dial("+49%20 &".to_owned())]));
    let plain = to_post(&object);
    assert!(plain.starts_with(b"xml=<?xml"));
    let encoded = format!("xml={}", percent_encode(&plain[4..], NON_ALPHANUMERIC)).replace("%20", "+");
    for body in [&plain[..], &plain[4..], encoded.as_bytes()] {
        assert_eq!(from_post(body).as_ref(), Ok(&object), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn hostile_documents_are_refused_for_what_they_are() {
    let deep = format!("{}{}", "<a>".repeat(50), "</a>".repeat(50));
    let many = format!("<AastraIPPhoneExecute>{}</AastraIPPhoneExecute>", "<ExecuteItem/>".repeat(3000));
    let long = format!("<AastraIPPhoneStatus>{}</AastraIPPhoneStatus>", " ".repeat(MAX_DOCUMENT));
    let bomb =
        "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><AastraIPPhoneStatus>&c;</AastraIPPhoneStatus>";
    for (text, expected) in [
        (deep.as_str(), XmlError::TooMuch(24)),
        (&many, XmlError::TooMuch(22 + 1999 * 14)),
        (&long, XmlError::TooLong),
        (bomb, XmlError::Entity(0)),
        ("<AastraIPPhoneStatus>&nbsp;</AastraIPPhoneStatus>", XmlError::Entity(21)),
        ("<AastraIPPhoneStatus>", XmlError::Malformed(21)),
        ("<AastraIPPhoneStatus></b>", XmlError::Malformed(21)),
        ("<AastraIPPhoneStatus/><AastraIPPhoneStatus/>", XmlError::Malformed(22)),
        ("<AastraIPPhoneStatus Beep=\"\0\"/>", XmlError::Malformed(0)),
        ("<AastraIPPhoneStatus>\u{1}</AastraIPPhoneStatus>", XmlError::Malformed(21)),
        ("<AastraIPPhoneStatus>&#1;</AastraIPPhoneStatus>", XmlError::Malformed(21)),
        ("text", XmlError::Malformed(0)),
        ("", XmlError::Malformed(0)),
        ("<CiscoIPPhoneText/>", XmlError::UnknownObject),
    ] {
        let shown: String = text.chars().take(60).collect();
        assert_eq!(Object::parse(text.as_bytes()), Err(expected), "{shown}");
    }
}

fn led(key: &str, led: Led) -> ExecuteUri {
    ExecuteUri::Led { key: key.to_owned(), led }
}

/// Text that survives: without white space at its ends and without control characters.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}".prop_map(|text| text.trim().replace(['\u{fffe}', '\u{ffff}'], ""))
}

fn object() -> impl Strategy<Value = Object> {
    let uri =
        prop_oneof![text(), text().prop_map(|text| format!("Key:{text}"))].prop_map(|text| ExecuteUri::read(&text));
    let item = (uri, any::<Option<bool>>()).prop_map(|(uri, interrupts_call)| ExecuteItem { uri, interrupts_call });
    let items = proptest::collection::vec(item, 0..5);
    let execute = (any::<bool>(), items).prop_map(|(destroys_on_exit, items)| Execute { destroys_on_exit, items });
    let name = || text().prop_filter("a setting has a name", |name| !name.is_empty());
    let settings = proptest::collection::vec((name(), text()), 0..5);
    let field = (text(), name(), text(), any::<bool>(), any::<bool>()).prop_map(
        |(prompt, parameter, default, number, password)| InputField { prompt, parameter, default, number, password },
    );
    let input = (text(), text(), proptest::collection::vec(field, 0..4)).prop_map(|(title, url, fields)| InputScreen {
        title,
        url,
        fields,
    });
    let key = (any::<u8>(), text(), text()).prop_map(|(index, label, uri)| SoftKey { index, label, uri });
    let screen = (text(), text(), proptest::collection::vec(key, 0..4))
        .prop_map(|(title, text, soft_keys)| TextScreen { title, text, soft_keys });
    let status = (text(), proptest::collection::vec((any::<u8>(), text()), 0..4))
        .prop_map(|(session, messages)| Status { session, messages });
    prop_oneof![
        execute.prop_map(Object::Execute),
        settings.prop_map(|items| Object::Configuration(Configuration { items })),
        input.prop_map(Object::InputScreen),
        screen.prop_map(Object::TextScreen),
        status.prop_map(Object::Status),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_pushed_or_not(object in object()) {
        prop_assert_eq!(Object::parse(object.to_xml().as_bytes()), Ok(object.clone()));
        prop_assert_eq!(from_post(&to_post(&object)), Ok(object));
    }

    #[test]
    fn no_bytes_make_reading_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        likely in "(<|>|/|&|;|#|\"|=|[!]|\\[|\\]|-|AastraIPPhoneExecute|ExecuteItem|URI|x| |%3C|amp){0,60}",
    ) {
        let _ = from_post(&noise);
        if let Ok(object) = from_post(likely.as_bytes()) {
            prop_assert_eq!(Object::parse(object.to_xml().as_bytes()), Ok(object));
        }
    }
}
