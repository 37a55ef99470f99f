//! Keys that are typed on a phone's console: each stands for a text, as the model says.

use std::collections::BTreeMap;

use super::single::{Held, Presser, called};
use crate::{driver::serial::Typist, event::KeyName};

/// Types keys.
#[derive(Debug)]
pub struct TypedKeys {
    /// Where it types.
    pub typist: Typist,
    /// What is typed for each key.
    pub texts: BTreeMap<KeyName, String>,
}

impl Presser for TypedKeys {
    async fn press(&mut self, keys: &[KeyName], held: Held, secret: bool) -> Result<(), String> {
        let said = called(keys, secret);
        let [key] = keys else { return Err(format!("{said} can not be typed: one key at a time")) };
        if held.asked {
            return Err(format!("{said} can not be held: it is typed"));
        }
        let text =
            self.texts.get(key).ok_or_else(|| format!("the phone's model does not say what to type for {said}"))?;
        self.typist.type_exactly(text.clone(), secret);
        Ok(())
    }
}
