//! Words by which entries of a suite are chosen.

use std::collections::BTreeSet;

use crate::{
    cli::{error::UserError, exit::Exit},
    config::Suite,
};

/// Checks that entries of the suite have all of these. Who mistypes one of several is not to have a shorter night.
///
/// # Errors
/// If no entry has one of them.
pub(super) fn check(suite: &Suite, tags: &[String]) -> Result<(), UserError> {
    let known: BTreeSet<&str> = suite.entries.iter().flat_map(|entry| &entry.tags).map(String::as_str).collect();
    let unknown: Vec<String> =
        tags.iter().filter(|tag| !known.contains(tag.as_str())).map(|tag| format!("`{tag}`")).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("no entry of the suite `{}` has the tag {}", suite.name, unknown.join(" or "));
    let known: Vec<&str> = known.into_iter().collect();
    let help = if known.is_empty() { "it has none".to_owned() } else { format!("its tags are: {}", known.join(", ")) };
    Err(UserError::new(Exit::Usage, message, help))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    #[test]
    fn one_tag_that_there_is_not_is_refused_beside_one_that_there_is_and_those_there_are_are_told() {
        let rig = Path::new("rig");
        let (suite, _) = load::suite(&load::suite_document("nightly", rig).unwrap(), rig).unwrap();
        let known = suite.entries.iter().find_map(|entry| entry.tags.first()).unwrap().clone();
        assert!(check(&suite, &[]).is_ok() && check(&suite, std::slice::from_ref(&known)).is_ok());
        let refused = check(&suite, &[known.clone(), "quikc".to_owned()]).unwrap_err().text();
        assert!(refused.contains("has the tag `quikc`") && !refused.contains(&format!("`{known}`")), "{refused}");
        assert!(refused.contains(&known), "{refused}");
    }
}
