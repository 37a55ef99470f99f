//! Which server goes away, and for whom.

use std::collections::BTreeSet;

use crate::{
    cli::{error::UserError, exit::Exit},
    config::{Bench, Network, Phone, Role, Server, document::suggest},
    event::{PhoneName, ServerName},
    look::harmless,
};

/// The phones that were named, or all of the bench; protected ones never.
///
/// # Errors
/// If one is not known, or protected; or none is left.
pub fn phones(bench: &Bench, network: &Network, names: &[String]) -> Result<Vec<PhoneName>, UserError> {
    let known: Vec<&str> = bench.phones.iter().map(|phone| phone.name.0.as_str()).collect();
    let is_protected = |phone: &&Phone| phone.mac().is_some_and(|mac| network.protected.contains(&mac));
    for name in names {
        let Some(phone) = bench.phones.iter().find(|phone| phone.name.0 == *name) else {
            let message = format!("the bench has no phone `{}`", harmless(name));
            return Err(UserError::new(Exit::Usage, message, suggest(name, &known)));
        };
        if is_protected(&phone) {
            let message = format!("{name} is protected: no outage may touch it");
            return Err(UserError::new(Exit::Usage, message, "leave it out, or out of `protected` under [network]"));
        }
    }
    let chosen = bench.phones.iter().filter(|phone| names.is_empty() || names.contains(&phone.name.0));
    let phones: Vec<_> = chosen.filter(|phone| !is_protected(phone)).map(|phone| phone.name.clone()).collect();
    if phones.is_empty() {
        let message = "every phone of the bench is protected: no outage may touch them";
        return Err(UserError::new(Exit::Usage, message, "see `protected` under [network]"));
    }
    Ok(phones)
}

/// The server of that name; or the one that has that role for the lines of these phones.
///
/// # Errors
/// If there is none, or the role leads to several.
pub fn server<'a>(bench: &'a Bench, word: &str, phones: &[PhoneName]) -> Result<&'a Server, UserError> {
    if let Some(server) = bench.server(&ServerName::from(word)) {
        return Ok(server);
    }
    let role = match word {
        "primary" => Role::Primary,
        "backup" => Role::Backup,
        _ => {
            let names = bench.servers.iter().map(|server| server.name.0.as_str());
            let known: Vec<&str> = names.chain(["primary", "backup"]).collect();
            let message = format!("the bench has no server `{}`", harmless(word));
            return Err(UserError::new(Exit::Usage, message, suggest(word, &known)));
        }
    };
    let concerned = bench.phones.iter().filter(|phone| phones.contains(&phone.name));
    let of_lines = concerned.flat_map(|phone| &phone.lines).filter(|line| line.registers);
    let found: BTreeSet<&ServerName> = of_lines
        .filter_map(|line| if role == Role::Primary { Some(&line.primary) } else { line.backup.as_ref() })
        .collect();
    match (found.first(), found.len()) {
        (Some(name), 1) => bench.server(name).ok_or_else(|| nobody(role)),
        (None, _) => Err(nobody(role)),
        (Some(_), _) => {
            let names: Vec<&str> = found.iter().map(|name| name.0.as_str()).collect();
            let message = format!("the {role} of these phones is not one server but {}", names.join(", "));
            Err(UserError::new(Exit::Usage, message, "name the server, or phones that have the same one"))
        }
    }
}

fn nobody(role: Role) -> UserError {
    let message = format!("no line of these phones has a {role}");
    UserError::new(Exit::Usage, message, "name a server of the bench")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Mac, load};

    fn bench() -> (Bench, Network) {
        let file = "fixtures/config/valid/bench-full.toml";
        let bench = load::bench(file, Path::new(load::RIG), &[]).unwrap().0;
        let network = bench.network.clone().unwrap();
        (bench, network)
    }

    fn named(names: &[PhoneName]) -> Vec<&str> {
        names.iter().map(|name| name.0.as_str()).collect()
    }

    #[test]
    fn a_protected_phone_is_left_out_of_all_and_refused_by_name() {
        let (bench, mut network) = bench();
        let all = phones(&bench, &network, &[]).unwrap();
        assert_eq!(all.len(), bench.phones.len());
        network.protected = vec![bench.phones[0].mac().unwrap()];
        assert_eq!(named(&phones(&bench, &network, &[]).unwrap()), named(&all[1..]));
        let refused = phones(&bench, &network, &[all[0].0.clone()]).unwrap_err();
        assert!(refused.text().contains("is protected"), "{}", refused.text());
        network.protected = bench.phones.iter().filter_map(Phone::mac).collect::<Vec<Mac>>();
        assert!(phones(&bench, &network, &[]).is_err());
    }

    #[test]
    fn a_role_is_the_server_that_it_leads_to_and_several_are_refused_by_name() {
        let (mut bench, network) = bench();
        let all = phones(&bench, &network, &[]).unwrap();
        let first = bench.phones[0].lines[0].primary.clone();
        for phone in &mut bench.phones {
            phone.lines.iter_mut().for_each(|line| line.primary = first.clone());
        }
        assert_eq!(server(&bench, "primary", &all).unwrap().name, first);
        let other = bench.servers.iter().find(|server| server.name != first).unwrap().name.clone();
        bench.phones[0].lines[0].primary = other.clone();
        let error = server(&bench, "primary", &all).unwrap_err().text();
        assert!(error.contains(&first.0) && error.contains(&other.0), "{error}");
        assert_eq!(server(&bench, &other.0, &all).unwrap().name, other);
        assert!(server(&bench, "primry", &all).unwrap_err().text().contains("did you mean `primary`?"));
    }
}
