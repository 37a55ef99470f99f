//! What was seen, for whoever wants to read it.

use std::{collections::BTreeMap, fmt};

use super::{Line, Wrapping};

/// What became of a sort of line, and in which wrappings.
type Fates = BTreeMap<String, Vec<Wrapping>>;

/// For each mode, and each sort of line in it.
#[derive(Default)]
pub struct Table(Vec<(&'static str, BTreeMap<String, Fates>)>);

impl Table {
    pub fn add(&mut self, mode: &'static str, line: &Line, fate: &str) {
        if self.0.last().is_none_or(|(last, _)| *last != mode) {
            self.0.push((mode, BTreeMap::new()));
        }
        if let Some((_, sorts)) = self.0.last_mut() {
            let wrappings = sorts.entry(line.sort.to_owned()).or_default().entry(fate.to_owned()).or_default();
            if !wrappings.contains(&line.wrapping) {
                wrappings.push(line.wrapping);
            }
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mode, sorts) in &self.0 {
            writeln!(f, "{mode}")?;
            for (sort, fates) in sorts {
                for (fate, wrappings) in fates {
                    let all = fates.len() == 1;
                    let names: Vec<String> = wrappings.iter().map(ToString::to_string).collect();
                    let names = if all { format!("in all {} wrappings", names.len()) } else { names.join(", ") };
                    writeln!(f, "    {sort:<17} {fate:<62} {names}")?;
                }
            }
        }
        Ok(())
    }
}
