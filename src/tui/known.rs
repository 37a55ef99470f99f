//! What is run, and where each line stands in it: found by its name, however many there are.

use std::{
    collections::HashMap,
    ops::{Deref, Range},
};

use crate::{
    config::{Line, Phone, Plan, Role},
    event::{LineId, PhoneName, ServerName},
};

/// The plan, with an index of its lines, which are counted in its order.
#[derive(Debug, Clone)]
pub struct Known {
    plan: Plan,
    lines: HashMap<LineId, usize>,
    phones: HashMap<PhoneName, Of>,
}

/// What is known of a phone.
#[derive(Debug, Clone)]
struct Of {
    /// Its place in the bench.
    phone: usize,
    /// Its lines.
    lines: Range<usize>,
}

impl Deref for Known {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl Known {
    /// What there is to know of a plan.
    pub fn of(plan: &Plan) -> Self {
        let places = plan.bench.phones.iter().enumerate().map(|(at, phone)| (&phone.name, at));
        let places: HashMap<&PhoneName, usize> = places.collect();
        let (mut lines, mut phones) = (HashMap::new(), HashMap::new());
        let mut count = 0;
        for name in &plan.phones {
            let Some((at, phone)) = places.get(name).and_then(|at| Some((*at, plan.bench.phones.get(*at)?))) else {
                continue;
            };
            let begin = count;
            for line in &phone.lines {
                lines.entry(LineId { phone: name.clone(), extension: line.extension.clone() }).or_insert(count);
                count += 1;
            }
            phones.insert(name.clone(), Of { phone: at, lines: begin..count });
        }
        Self { plan: plan.clone(), lines, phones }
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// A phone under test.
    pub fn phone(&self, name: &PhoneName) -> Option<&Phone> {
        self.plan.bench.phones.get(self.phones.get(name)?.phone)
    }

    /// Where a line stands.
    pub fn line(&self, line: &LineId) -> Option<usize> {
        self.lines.get(line).copied()
    }

    /// Where the lines of a phone stand.
    pub fn lines_of(&self, phone: &PhoneName) -> Range<usize> {
        self.phones.get(phone).map_or(0..0, |of| of.lines.clone())
    }

    /// What a server is to a line.
    pub fn role(&self, line: &LineId, server: &ServerName) -> Role {
        self.declared(line).map_or(Role::Other, |declared| declared.role_of(server))
    }

    /// A line as the bench declares it.
    fn declared(&self, line: &LineId) -> Option<&Line> {
        let at = self.line(line)?;
        let of = self.phones.get(&line.phone)?;
        self.plan.bench.phones.get(of.phone)?.lines.get(at.checked_sub(of.lines.start)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn lines_stand_in_the_order_of_the_plan_and_nobody_else_stands_anywhere() {
        let mut plan = sample::plan(&[sample::Fate::Clean; 3]);
        // Not all phones of the bench are under test, and the second has two lines.
        plan.phones = vec!["p3".into(), "p2".into()];
        let mut second = plan.bench.phones[1].lines[0].clone();
        (second.extension, second.primary, second.backup) = ("2002".to_owned(), "b".into(), Some("a".into()));
        plan.bench.phones[1].lines.push(second);
        let known = Known::of(&plan);
        let line = |phone: &str, extension: &str| LineId { phone: phone.into(), extension: extension.to_owned() };
        let places = [("p3", "1003"), ("p2", "1002"), ("p2", "2002"), ("p1", "1001"), ("p2", "1003")];
        let places = places.map(|(phone, extension)| known.line(&line(phone, extension)));
        assert_eq!(places, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!((known.lines_of(&"p2".into()), known.lines_of(&"p1".into())), (1..3, 0..0));
        assert_eq!(known.phone(&"p3".into()).unwrap().name, "p3".into());
        let roles = ["1002", "2002"].map(|extension| known.role(&line("p2", extension), &"a".into()));
        assert_eq!(roles, [Role::Primary, Role::Backup]);
        assert_eq!(known.role(&line("p1", "1001"), &"a".into()), Role::Other);
    }
}
